//! Variables of the module, whose names others may use too.
//!
//! Another module that defines the same name finds it still undefined; once everything has been
//! read, our definition takes its place. Where the module does not own its variables
//! ([`Module::owns_variables`]), they belong to the others, as if it were not loaded; where it
//! does, its value is shown, whatever was set.

use ngx::ffi::{
    NGX_ERROR, NGX_HTTP_VAR_CHANGEABLE, NGX_OK, ngx_conf_t, ngx_http_add_variable,
    ngx_http_conf_ctx_t, ngx_http_core_main_conf_t, ngx_http_core_module, ngx_http_get_variable_pt,
    ngx_http_request_t, ngx_http_set_variable_pt, ngx_http_variable_t, ngx_http_variable_value_t,
    ngx_int_t, ngx_uint_t,
};

use super::{Module, Request, bits, bytes, guard, module};

/// One variable.
pub struct Variable<M> {
    /// The name, without `$`.
    pub name: &'static str,
    /// Returns the value. Called each time the variable is evaluated.
    pub value: for<'r> fn(&Request<'r, M>) -> &'r [u8],
}

/// The maximum number of variables of a module.
pub(super) const MOST: usize = 32;

/// How others define these names, in the order of [`Module::VARIABLES`].
#[derive(Default)]
pub(super) struct Others {
    of: Vec<Other>,
    any: bool,
}

#[derive(Clone, Copy, Default)]
struct Other {
    get: ngx_http_get_variable_pt,
    data: usize,
    /// Where a request stores the value; needed when a directive sets it.
    index: Option<usize>,
}

/// Before the configuration is read: makes the names settable and leaves them undefined, so that
/// others can define them too.
///
/// # Safety
/// `cf` is live, before the configuration is read.
pub(super) unsafe fn register<M: Module>(cf: *mut ngx_conf_t) -> Result<(), ()> {
    for (variable, set) in M::VARIABLES.iter().zip(setters::<M>()) {
        // SAFETY: by this function's contract.
        unsafe { (*add(cf, variable.name)?).set_handler = set };
    }
    Ok(())
}

/// After the configuration has been read: installs our handlers and keeps those of others.
///
/// # Safety
/// `cf` is live, in postconfiguration.
pub(super) unsafe fn claim<M: Module>(cf: *mut ngx_conf_t) -> Result<(), ()> {
    for (at, variable) in M::VARIABLES.iter().enumerate() {
        // SAFETY: by this function's contract; `Others` is ours.
        unsafe {
            let added = add(cf, variable.name)?;
            let others = &mut module::main_conf_of::<M>(cf).others;
            let index = index_of(cf, variable.name.as_bytes());
            others.any |= (*added).get_handler.is_some();
            others.of.push(Other { get: (*added).get_handler, data: (*added).data, index });
            (*added).get_handler = Some(get::<M>);
            (*added).data = at;
        }
    }
    Ok(())
}

/// # Safety
/// `cf` is live, while the configuration is read.
unsafe fn add(cf: *mut ngx_conf_t, name: &'static str) -> Result<*mut ngx_http_variable_t, ()> {
    let mut name = bytes::borrowed(name.as_bytes());
    // SAFETY: by this function's contract; the name is static. There may be one already.
    let added =
        unsafe { ngx_http_add_variable(cf, &raw mut name, NGX_HTTP_VAR_CHANGEABLE as ngx_uint_t) };
    if added.is_null() { Err(()) } else { Ok(added) }
}

/// # Safety
/// `cf` is live, inside `http`.
unsafe fn index_of(cf: *mut ngx_conf_t, name: &[u8]) -> Option<usize> {
    // SAFETY: by this function's contract; an unused array is empty.
    unsafe {
        let context = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        let core = *(*context).main_conf.add(ngx_http_core_module.ctx_index);
        let variables = &(*core.cast::<ngx_http_core_main_conf_t>()).variables;
        if variables.elts.is_null() {
            return None;
        }
        let variables = variables.as_slice::<ngx_http_variable_t>();
        variables.iter().position(|known| bytes::slice(&known.name) == name)
    }
}

unsafe extern "C" fn get<M: Module>(
    r: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    at: usize,
) -> ngx_int_t {
    let mut result = NGX_ERROR as ngx_int_t;
    guard::event::<M>("variable", || {
        // SAFETY: nginx passes a live request and one of its own values; the other handler gets
        // what nginx would pass it. The state is that of the client's request: subrequests see what
        // was decided for it.
        unsafe {
            let request = Request::<M>::new((*r).main);
            let other = request.main_slot().others.of.get(at).copied().unwrap_or_default();
            if let (Some(get), false) = (other.get, M::owns_variables(&request)) {
                result = get(r, value, other.data);
                return;
            }
            let variable = M::VARIABLES.get(at);
            let text = variable.map_or(&b""[..], |variable| (variable.value)(&request));
            bits::set_value(value, text);
            result = NGX_OK as ngx_int_t;
        }
    });
    result
}

/// For `set` and `auth_request_set`. One function per variable, as `data` belongs to the last
/// definer.
unsafe extern "C" fn set<M: Module, const AT: usize>(
    r: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    _data: usize,
) {
    guard::event::<M>("variable", || {
        // SAFETY: nginx passes a live request and the new value, which may already be the request's
        // own; `index` is one of the request's variables.
        unsafe {
            let request = Request::<M>::new((*r).main);
            if M::owns_variables(&request) {
                bits::drop_value(value); // ours is evaluated again
                return;
            }
            let other = request.main_slot().others.of.get(AT);
            let Some(index) = other.and_then(|other| other.index) else { return };
            bits::keep_value((*r).variables.add(index), value);
        }
    });
}

fn setters<M: Module>() -> [ngx_http_set_variable_pt; MOST] {
    [
        Some(set::<M, 0>),
        Some(set::<M, 1>),
        Some(set::<M, 2>),
        Some(set::<M, 3>),
        Some(set::<M, 4>),
        Some(set::<M, 5>),
        Some(set::<M, 6>),
        Some(set::<M, 7>),
        Some(set::<M, 8>),
        Some(set::<M, 9>),
        Some(set::<M, 10>),
        Some(set::<M, 11>),
        Some(set::<M, 12>),
        Some(set::<M, 13>),
        Some(set::<M, 14>),
        Some(set::<M, 15>),
        Some(set::<M, 16>),
        Some(set::<M, 17>),
        Some(set::<M, 18>),
        Some(set::<M, 19>),
        Some(set::<M, 20>),
        Some(set::<M, 21>),
        Some(set::<M, 22>),
        Some(set::<M, 23>),
        Some(set::<M, 24>),
        Some(set::<M, 25>),
        Some(set::<M, 26>),
        Some(set::<M, 27>),
        Some(set::<M, 28>),
        Some(set::<M, 29>),
        Some(set::<M, 30>),
        Some(set::<M, 31>),
    ]
}

impl<M: Module> Request<'_, M> {
    /// Discards what others have put into the module's variables without a handler: a named capture
    /// of a regular expression, which is the client's own text.
    pub fn take_back_variables(&mut self) {
        let others = &self.main_slot().others;
        if !others.any {
            return;
        }
        for index in others.of.iter().filter_map(|other| other.index) {
            // SAFETY: the request's own values; `index` is one of them.
            unsafe { bits::drop_value((*self.raw).variables.add(index)) };
        }
    }
}
