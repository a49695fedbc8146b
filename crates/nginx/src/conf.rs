//! Reads the configuration: gives out arguments, reports mistakes, always with file and line.

use core::ffi::{c_char, c_void};
use core::fmt;
use core::marker::PhantomData;
use core::ptr;

use ngx::ffi::{
    NGX_HTTP_MAIN_CONF, NGX_LOG_EMERG, NGX_LOG_NOTICE, NGX_LOG_WARN, NGX_OK, ngx_add_path,
    ngx_command_t, ngx_conf_full_name, ngx_conf_log_error, ngx_conf_parse, ngx_conf_t,
    ngx_http_conf_ctx_t, ngx_http_core_module, ngx_http_core_srv_conf_t, ngx_http_server_name_t,
    ngx_int_t, ngx_log_error_core, ngx_log_stderr, ngx_parse_size, ngx_parse_time, ngx_path_t,
    ngx_pcalloc, ngx_quiet_mode, ngx_str_t, ngx_test_config, ngx_uint_t,
};

use super::guard::{self, Fault};
use super::{Module, bytes, module};

/// An unusable configuration.
#[derive(Debug)]
pub enum Mistake {
    /// Not logged yet: what is wrong, and what would be right.
    Said(String),
    /// Already logged by nginx or a nested block.
    Logged,
}

impl From<String> for Mistake {
    fn from(message: String) -> Self {
        Self::Said(message)
    }
}

impl From<Fault> for Mistake {
    fn from(fault: Fault) -> Self {
        Self::Said(fault.to_string())
    }
}

/// A position in the configuration files.
#[derive(Clone, Debug, Default)]
pub struct Place {
    file: String,
    line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A name of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerName<'c> {
    /// In lower case, as configured: maybe with a leading `*.` or `.`, or a trailing `.*`.
    Written(&'c [u8]),
    /// A regular expression.
    Pattern,
}

/// What a callback borrows of the module's configuration, so that [`Conf`] does not lend it a
/// second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Borrowed {
    Nothing,
    /// That of `http`.
    Main,
}

/// Runs a configuration step; mistakes are passed to `say`.
pub(super) fn configure<M: Module>(
    cf: *mut ngx_conf_t,
    borrowed: Borrowed,
    say: fn(&Conf<'_, M>, &str),
    step: impl FnOnce(&mut Conf<'_, M>) -> Result<(), Mistake>,
) -> *mut c_char {
    let done = guard::status::<M>("configuration", || {
        // SAFETY: nginx passes a live `cf` to every configuration callback.
        let mut conf = unsafe { Conf::new(cf, borrowed) };
        step(&mut conf).map_err(|mistake| {
            if let Mistake::Said(message) = mistake {
                say(&conf, &message);
            }
        })
    });
    if done == NGX_OK as ngx_int_t { ptr::null_mut() } else { CONF_ERROR }
}

/// `NGX_CONF_ERROR`.
const CONF_ERROR: *mut c_char = usize::MAX as *mut c_char;

/// The configuration being read.
pub struct Conf<'c, M> {
    raw: *mut ngx_conf_t,
    borrowed: Borrowed,
    callback: PhantomData<&'c mut ngx_conf_t>,
    module: PhantomData<fn() -> M>,
}

impl<'c, M: Module> Conf<'c, M> {
    /// # Safety
    /// `raw` is live for `'c`, and only `borrowed` of the module's configuration is borrowed.
    pub(super) unsafe fn new(raw: *mut ngx_conf_t, borrowed: Borrowed) -> Self {
        Self { raw, borrowed, callback: PhantomData, module: PhantomData }
    }

    pub(super) fn raw(&self) -> *mut ngx_conf_t {
        self.raw
    }

    fn fields(&self) -> &'c ngx_conf_t {
        // SAFETY: by the contract of `new`.
        unsafe { &*self.raw }
    }

    /// The words of the directive, its name first; invalid UTF-8 is replaced.
    pub fn words(&self) -> Vec<String> {
        // SAFETY: `args` is nginx's array of the words that it has just read.
        let words = unsafe { (*self.fields().args).as_slice::<ngx_str_t>() };
        // SAFETY: words live in the configuration's pool.
        words.iter().map(|w| String::from_utf8_lossy(unsafe { bytes::slice(w) }).into()).collect()
    }

    /// The words after the directive's name.
    pub fn arguments(&self) -> Vec<String> {
        self.words().split_off(1)
    }

    /// The first word after the directive's name.
    pub fn argument(&self) -> String {
        self.arguments().into_iter().next().unwrap_or_default()
    }

    /// Whether the directive is directly in `http`.
    pub fn is_in_http(&self) -> bool {
        self.fields().cmd_type == NGX_HTTP_MAIN_CONF as ngx_uint_t
    }

    /// The position of the directive.
    pub fn place(&self) -> Place {
        let file = self.fields().conf_file;
        if file.is_null() {
            return Place::default();
        }
        // SAFETY: nginx's description of the file that it reads; the name lives as long.
        unsafe {
            let name = bytes::slice(&(*file).file.name);
            Place { file: String::from_utf8_lossy(name).into(), line: (*file).line }
        }
    }

    /// A path in the configuration, relative to nginx's prefix, made absolute.
    pub fn full_path(&self, path: &str) -> Result<String, Mistake> {
        let mut name = bytes::borrowed(self.keep(path.as_bytes())?);
        // SAFETY: `cycle` is the one being configured; the name is NUL-terminated in its pool.
        let (done, name) = unsafe {
            let done = ngx_conf_full_name(self.fields().cycle, &raw mut name, 1);
            (done, bytes::slice(&name))
        };
        if done != NGX_OK as ngx_int_t {
            return Err(Mistake::Said(Fault::NoMemory.to_string()));
        }
        Ok(String::from_utf8_lossy(name).into())
    }

    /// A directory that workers write to: nginx creates it and gives it to the workers' user
    /// (`ngx_create_paths`). Returns its full path.
    pub fn state_directory(&self, path: &str) -> Result<String, Mistake> {
        let full = self.full_path(path)?;
        let parent = std::path::Path::new(&full).parent();
        if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
            let parent = parent.display();
            return Err(Mistake::Said(format!(
                "\"{path}\" cannot be created, since there is no directory \"{parent}\"; create \
                 that first"
            )));
        }
        let name = bytes::borrowed(self.keep(full.as_bytes())?);
        // SAFETY: the pool is live; `ngx_pcalloc` zeroes the path; its name is NUL-terminated in
        // the pool.
        unsafe {
            let entry =
                ngx_pcalloc(self.fields().pool, size_of::<ngx_path_t>()).cast::<ngx_path_t>();
            if entry.is_null() {
                return Err(Mistake::Said(Fault::NoMemory.to_string()));
            }
            (*entry).name = name;
            let mut slot = entry;
            // Logs the reason itself, e.g. the same path with another meaning.
            if ngx_add_path(self.raw, &raw mut slot) != NGX_OK as ngx_int_t {
                return Err(Mistake::Logged);
            }
        }
        Ok(full)
    }

    /// Copies bytes into the configuration's pool.
    pub fn keep(&self, text: &[u8]) -> Result<&'c [u8], Fault> {
        // SAFETY: the pool is live.
        Ok(unsafe { bytes::pool_copy(self.fields().pool, text)? })
    }

    /// Reads the block that follows: `line` gets the words of each directive in it.
    pub fn read_block<T>(
        &mut self,
        target: &mut T,
        line: fn(&mut T, &mut Conf<'_, M>) -> Result<(), Mistake>,
    ) -> Result<(), Mistake> {
        let mut block = Block { target, line, borrowed: self.borrowed };
        let raw = self.raw;
        // SAFETY: nginx calls `handler` with `handler_conf` for each directive while it parses;
        // both are restored before `block` goes out of scope.
        let done = unsafe {
            let (handler, handler_conf) = ((*raw).handler, (*raw).handler_conf);
            (*raw).handler = Some(block_line::<M, T>);
            (*raw).handler_conf = (&raw mut block).cast();
            let done = ngx_conf_parse(raw, ptr::null_mut());
            (*raw).handler = handler;
            (*raw).handler_conf = handler_conf;
            done
        };
        if done.is_null() { Ok(()) } else { Err(Mistake::Logged) }
    }

    /// Configuration of the `http` block.
    ///
    /// # Panics
    /// In a callback that already has it as an argument.
    pub fn main_conf(&mut self) -> &mut M::Main {
        assert!(self.borrowed != Borrowed::Main, "the configuration of http is borrowed already");
        // SAFETY: created by our `create_main_conf` before any directive is read. Nobody else has
        // it: the callback does not, and `self` lends it once at a time.
        unsafe { &mut module::main_conf_of::<M>(self.raw).main }
    }

    /// Configuration of the server whose locations are being merged.
    pub fn server_conf(&mut self) -> &mut M::Server {
        // SAFETY: created by our `create_srv_conf`. No callback has it as an argument.
        unsafe { module::server_conf_of::<M>(self.raw) }
    }

    /// The names of the server whose locations are being merged.
    pub fn server_names(&self) -> impl Iterator<Item = ServerName<'c>> {
        // SAFETY: inside `http` every server has a core configuration, which was merged before
        // ours; its names live until the configuration has been read.
        unsafe {
            let context = self.fields().ctx.cast::<ngx_http_conf_ctx_t>();
            let core = *(*context).srv_conf.add(ngx_http_core_module.ctx_index);
            let core = core.cast::<ngx_http_core_srv_conf_t>();
            let names: &'c [ngx_http_server_name_t] = (*core).server_names.as_slice();
            names.iter().map(|named| match named.regex.is_null() {
                true => ServerName::Written(bytes::slice(&named.name)),
                false => ServerName::Pattern,
            })
        }
    }

    /// Where the server that is being merged begins; the file as included.
    pub fn server_place(&self) -> Place {
        // SAFETY: as above; `file_name` is a C string that lives as long as the configuration is
        // read, see `ngx_http_core_create_srv_conf`.
        unsafe {
            let context = self.fields().ctx.cast::<ngx_http_conf_ctx_t>();
            let core = *(*context).srv_conf.add(ngx_http_core_module.ctx_index);
            let core = core.cast::<ngx_http_core_srv_conf_t>();
            let file = (*core).file_name;
            let file = match file.is_null() {
                true => String::new(),
                false => core::ffi::CStr::from_ptr(file.cast()).to_string_lossy().into_owned(),
            };
            Place { file, line: (*core).line }
        }
    }

    /// Logs an error that stops the configuration, with file and line.
    pub fn emerg(&self, message: &str) {
        self.say(NGX_LOG_EMERG, message);
    }

    /// Logs a warning: allowed, but surely not intended.
    pub fn warn(&self, message: &str) {
        self.say(NGX_LOG_WARN, message);
    }

    /// Logs an error that is only found after its line was read; the message names the position
    /// itself.
    pub fn emerg_without_place(&self, message: &str) {
        self.say_without_place(NGX_LOG_EMERG, message);
    }

    /// Says something that was asked for. `nginx -t` shows it on the terminal even if its log is a file,
    /// as with most builds; nginx itself shows only warnings there.
    pub fn notice_without_place(&self, message: &str) {
        self.say_without_place(NGX_LOG_NOTICE, message);
        // SAFETY: both variables are set before the configuration is read, whose log is live; the format
        // takes one length and one pointer.
        unsafe {
            let file = (*self.fields().log).file.as_ref();
            let is_shown = file.is_some_and(|file| file.fd == libc::STDERR_FILENO);
            if ngx_test_config != 0 && ngx_quiet_mode == 0 && !is_shown {
                ngx_log_stderr(0, c"%*s".as_ptr(), message.len(), message.as_ptr());
            }
        }
    }

    /// Like [`warn`](Self::warn), for what is found after its line was read.
    pub fn warn_without_place(&self, message: &str) {
        self.say_without_place(NGX_LOG_WARN, message);
    }

    fn say_without_place(&self, level: u32, message: &str) {
        // SAFETY: a configuration's log is live; nginx copies before it returns.
        unsafe {
            let format = c"%*s".as_ptr();
            let log = self.fields().log;
            let level = level as ngx_uint_t;
            ngx_log_error_core(level, log, 0, format, message.len(), message.as_ptr());
        }
    }

    fn say(&self, level: u32, message: &str) {
        // SAFETY: the format takes one length and one pointer; nginx copies before it returns.
        unsafe {
            let format = c"%*s".as_ptr();
            let level = level as ngx_uint_t;
            ngx_conf_log_error(level, self.raw, 0, format, message.len(), message.as_ptr());
        }
    }
}

struct Block<'t, M, T> {
    target: &'t mut T,
    line: fn(&mut T, &mut Conf<'_, M>) -> Result<(), Mistake>,
    borrowed: Borrowed,
}

unsafe extern "C" fn block_line<M: Module, T>(
    cf: *mut ngx_conf_t,
    _command: *mut ngx_command_t,
    block: *mut c_void,
) -> *mut c_char {
    // SAFETY: `read_block` stored a `Block` that lives while nginx parses the block.
    let block = unsafe { &mut *block.cast::<Block<'_, M, T>>() };
    configure(
        cf,
        block.borrowed,
        |cf, message| cf.emerg(message),
        |cf| (block.line)(block.target, cf),
    )
}

/// Parses a time in nginx's syntax: `500ms`, `2s`.
pub fn milliseconds(text: &str) -> Option<u64> {
    const IN_MILLISECONDS: ngx_uint_t = 0;
    let mut text = bytes::borrowed(text.as_bytes());
    // SAFETY: nginx reads `len` bytes.
    u64::try_from(unsafe { ngx_parse_time(&raw mut text, IN_MILLISECONDS) }).ok()
}

/// Parses a size in nginx's syntax: `512k`, `16m`.
pub fn size(text: &str) -> Option<usize> {
    let mut text = bytes::borrowed(text.as_bytes());
    // SAFETY: nginx reads `len` bytes.
    usize::try_from(unsafe { ngx_parse_size(&raw mut text) }).ok()
}

/// Parses a time in nginx's syntax, in whole seconds: `90s`, `1h 30m`, `7d`.
pub fn seconds(text: &str) -> Option<u64> {
    const IN_SECONDS: ngx_uint_t = 1;
    let mut text = bytes::borrowed(text.as_bytes());
    // SAFETY: nginx reads `len` bytes.
    u64::try_from(unsafe { ngx_parse_time(&raw mut text, IN_SECONDS) }).ok()
}
