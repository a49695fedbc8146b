//! `$authentik_…`: registered here, decided in [`crate::request::variables`].
//!
//! authentik's `auth_request` recipe makes variables of the same names, and so may anybody. On a
//! server that does not use the module they are the others', as if it were not loaded: whoever defines
//! one finds it undefined, and comes behind us when all is read. On a server that uses the module the
//! module's value is shown, whatever was set.

use ngx::ffi::{
    NGX_ERROR, NGX_HTTP_VAR_CHANGEABLE, NGX_OK, ngx_conf_t, ngx_http_add_variable,
    ngx_http_conf_ctx_t, ngx_http_core_main_conf_t, ngx_http_core_module, ngx_http_get_variable_pt,
    ngx_http_request_t, ngx_http_set_variable_pt, ngx_http_variable_t, ngx_http_variable_value_t,
    ngx_int_t, ngx_uint_t,
};

use super::{Request, bits, bytes, guard, module};
use crate::request::variables::{TABLE, Variable};

/// What others make of our names, in the order of [`TABLE`].
#[derive(Default)]
pub(crate) struct Others {
    of: [Other; TABLE.len()],
    any: bool,
}

#[derive(Clone, Copy, Default)]
struct Other {
    get: ngx_http_get_variable_pt,
    data: usize,
    /// Where a request keeps the value; whoever sets one needs it.
    index: Option<usize>,
}

/// Before the configuration is read: nobody can take the names for ever, everybody may use them.
///
/// # Safety
/// `cf` is live, before the configuration is read.
pub(super) unsafe fn register(cf: *mut ngx_conf_t) -> Result<(), ()> {
    for (variable, set) in TABLE.iter().zip(SETTERS) {
        // SAFETY: by this function's contract.
        unsafe { (*add(cf, variable.name)?).set_handler = set };
    }
    Ok(())
}

/// When the configuration was read: we answer, and remember who would.
///
/// # Safety
/// `cf` is live, in postconfiguration.
pub(super) unsafe fn claim(cf: *mut ngx_conf_t) -> Result<(), ()> {
    for (at, variable) in TABLE.iter().enumerate() {
        // SAFETY: by this function's contract; `Others` is ours.
        unsafe {
            let added = add(cf, variable.name)?;
            let others = &mut module::main_conf_of(cf).others;
            let index = index_of(cf, variable.name.as_bytes());
            others.any |= (*added).get_handler.is_some();
            let slot = others.of.get_mut(at).ok_or(())?;
            *slot = Other { get: (*added).get_handler, data: (*added).data, index };
            (*added).get_handler = Some(get);
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
    // SAFETY: by this function's contract; an array that nobody used is empty.
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

unsafe extern "C" fn get(
    r: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    at: usize,
) -> ngx_int_t {
    let mut result = NGX_ERROR as ngx_int_t;
    guard::event("variable", || {
        // SAFETY: nginx passes a live request and a value of its own; the other's handler gets what
        // it would get from nginx. The state is the client request's: sub-requests see what was
        // decided for it.
        unsafe {
            let request = Request::new((*r).main);
            let other = request.main_conf().others.of.get(at).copied().unwrap_or_default();
            if let (Some(get), false) = (other.get, request.server().uses_module()) {
                result = get(r, value, other.data);
                return;
            }
            let text = TABLE.get(at).map_or(&b""[..], |v: &Variable| (v.value)(&request));
            bits::set_value(value, text);
            result = NGX_OK as ngx_int_t;
        }
    });
    result
}

/// `set`, `auth_request_set`. Each variable has its own: `data` is that of whoever defined it last.
unsafe extern "C" fn set<const AT: usize>(
    r: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    _data: usize,
) {
    guard::event("variable", || {
        // SAFETY: nginx passes a live request and the value that is to be, which may be that of the
        // request already; `index` is one of the request's variables.
        unsafe {
            let request = Request::new((*r).main);
            if request.server().uses_module() {
                bits::drop_value(value); // ours is asked for again
                return;
            }
            let other = request.main_conf().others.of.get(AT);
            let Some(index) = other.and_then(|other| other.index) else { return };
            bits::keep_value((*r).variables.add(index), value);
        }
    });
}

const SETTERS: [ngx_http_set_variable_pt; TABLE.len()] = [
    Some(set::<0>),
    Some(set::<1>),
    Some(set::<2>),
    Some(set::<3>),
    Some(set::<4>),
    Some(set::<5>),
    Some(set::<6>),
    Some(set::<7>),
    Some(set::<8>),
    Some(set::<9>),
    Some(set::<10>),
    Some(set::<11>),
    Some(set::<12>),
    Some(set::<13>),
];

impl Request<'_> {
    /// Forgets what others have put into the module's variables past all handlers: a named part of a
    /// regular expression, which is the client's own text.
    pub(crate) fn take_back_variables(&mut self) {
        let others = &self.main_conf().others;
        if !others.any {
            return;
        }
        for index in others.of.iter().filter_map(|other| other.index) {
            // SAFETY: the request's own values; `index` is one of them.
            unsafe { bits::drop_value((*self.raw).variables.add(index)) };
        }
    }
}
