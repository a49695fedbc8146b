//! Responses of our own, sent through nginx.

use ngx::ffi::{
    ngx_http_complex_value_t, ngx_http_core_module, ngx_http_err_page_t, ngx_http_finalize_request,
    ngx_http_request_t, ngx_http_send_response, ngx_int_t, ngx_list_push, ngx_table_elt_t,
    ngx_uint_t,
};

use super::bits;
use super::bytes;
use super::guard::{FINALIZED, Fault};
use super::header_list::NewHeader;
use super::log::Level;
use super::{Module, Request};

/// The parts of a response to send.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// HTTP status.
    pub status: u16,
    /// Type of the body; `None` if there is none.
    pub content_type: Option<&'static str>,
    /// Headers, in order.
    pub headers: &'a [(&'static str, String)],
    /// The body; empty for redirects, for which nginx writes one.
    pub body: &'a [u8],
}

/// Sends the response and ends the request; a phase handler returns the result.
pub(super) fn answer<M: Module>(request: &mut Request<'_, M>, response: &M::Response) -> ngx_int_t {
    answer_parts(request, &M::parts(response))
}

fn answer_parts<M: Module>(request: &mut Request<'_, M>, response: &Parts<'_>) -> ngx_int_t {
    let sent = set_headers(request, response)
        .and_then(|()| if response.status == 302 { Ok(302) } else { send(request, response) });
    match sent {
        Ok(302) => 302,
        Ok(code) => {
            // SAFETY: the response was passed to nginx; after this the request may be gone, and
            // FINALIZED tells the phase engine not to touch it.
            unsafe { ngx_http_finalize_request(request.raw, code) };
            FINALIZED
        }
        Err(fault) => {
            request.log(Level::Crit, format_args!("{fault}, the request is answered 500"));
            500
        }
    }
}

/// Sends the response, unless the location has an `error_page` for its status: then nginx answers.
pub(super) fn refuse<M: Module>(request: &mut Request<'_, M>, response: &M::Response) -> ngx_int_t {
    let response = &M::parts(response);
    if !has_error_page(request, response.status) {
        return answer_parts(request, response);
    }
    let is_kept = |name: &str| !OF_THE_BODY.iter().any(|of| name.eq_ignore_ascii_case(of));
    for (name, value) in response.headers.iter().filter(|(name, _)| is_kept(name)) {
        if request.add_response_header(name, value).is_err() {
            return 500;
        }
    }
    code(response.status)
}

/// What it says of our body does not hold for that of an `error_page`.
const OF_THE_BODY: [&str; 2] = ["Content-Language", "Vary"];

/// The return value of a content handler. nginx ends the request with it, and writes the body if
/// the response has none.
pub(super) fn content<M: Module>(
    request: &mut Request<'_, M>,
    response: &M::Response,
) -> Result<ngx_int_t, Fault> {
    let response = &M::parts(response);
    set_headers(request, response)?;
    match response.content_type {
        None => Ok(code(response.status)),
        Some(_) => send(request, response),
    }
}

fn send<M: Module>(request: &mut Request<'_, M>, response: &Parts<'_>) -> Result<ngx_int_t, Fault> {
    let content_type = response.content_type.unwrap_or_default();
    let body = request.keep(response.body)?;
    let mut content_type = bytes::borrowed(content_type.as_bytes());
    // SAFETY: all-zero is a constant complex value (no script); its text is in the request's pool,
    // the content type is static; nginx copies neither, but both outlive the request.
    unsafe {
        let mut text: ngx_http_complex_value_t = core::mem::zeroed();
        text.value = bytes::borrowed(body);
        let status = ngx_uint_t::from(response.status);
        // In a location that serves an error page, nginx would send that error's status instead
        // (`ngx_http_send_header`): `error_page 404 =200 …` must not turn a refusal into a success.
        (*request.raw).err_status = 0;
        // As in nginx's own refusals: "100 Continue" would invite a body that nobody reads (RFC
        // 9110 section 10.1.1).
        bits::set_expect_tested(request.raw);
        Ok(ngx_http_send_response(request.raw, status, &raw mut content_type, &raw mut text))
    }
}

fn set_headers<M: Module>(request: &mut Request<'_, M>, response: &Parts<'_>) -> Result<(), Fault> {
    for (name, value) in response.headers {
        request.add_response_header(name, value)?;
    }
    Ok(())
}

impl<'r, M: Module> Request<'r, M> {
    /// Adds a header to the response, whatever it will be.
    pub fn add_response_header(&mut self, name: &'static str, value: &str) -> Result<(), Fault> {
        let value = self.keep(value.as_bytes())?;
        self.push_response_header(name.as_bytes(), value)
    }

    /// Adds headers to the response, whatever it will be.
    pub fn add_response_headers(
        &mut self,
        mut headers: impl Iterator<Item = NewHeader<'r>>,
    ) -> Result<(), Fault> {
        headers.try_for_each(|header| self.push_response_header(header.name.name(), header.value))
    }

    fn push_response_header(&mut self, name: &'r [u8], value: &'r [u8]) -> Result<(), Fault> {
        // SAFETY: `headers_out.headers` is a live list; a pushed element is ours to fill.
        unsafe {
            let raw = self.raw;
            let element =
                ngx_list_push(&raw mut (*raw).headers_out.headers).cast::<ngx_table_elt_t>();
            if element.is_null() {
                return Err(Fault::NoMemory);
            }
            // Zeroed: since 1.23.0, `next` must not contain garbage.
            element.write(core::mem::zeroed());
            (*element).hash = 1;
            (*element).key = bytes::borrowed(name);
            (*element).value = bytes::borrowed(value);
            if name.eq_ignore_ascii_case(b"location") {
                (*raw).headers_out.location = element;
            }
        }
        Ok(())
    }
}

/// A status as one of nginx's return codes.
const fn code(status: u16) -> ngx_int_t {
    status as ngx_int_t
}

fn has_error_page<M: Module>(request: &Request<'_, M>, status: u16) -> bool {
    // SAFETY: the core module's location configuration exists for every location; `error_pages` is
    // NULL or an array of `ngx_http_err_page_t` (ngx_http_core_module.h).
    unsafe {
        let raw: *mut ngx_http_request_t = request.raw;
        let index = ngx_http_core_module.ctx_index;
        let core = (*(*raw).loc_conf.add(index)).cast::<ngx::ffi::ngx_http_core_loc_conf_t>();
        // nginx ignores error_page while serving one, unless recursive_error_pages is on.
        if (*core).error_pages.is_null()
            || (bits::is_error_page(raw) && (*core).recursive_error_pages == 0)
        {
            return false;
        }
        (*(*core).error_pages)
            .as_slice::<ngx_http_err_page_t>()
            .iter()
            .any(|page| page.status == code(status))
    }
}
