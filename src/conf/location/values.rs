//! The values of a location's directives: how they are read, and what is rejected.

use std::sync::Arc;

use gate::decision::Unauthenticated;
use gate::identity::HeaderEncoding;
use gate::require::Rule;

use super::LocationConf;
use crate::conf::{duplicate, duplicate_list, needs, unauth_paths};
use crate::ngx::{Conf, Mistake};

pub(in crate::conf) fn set_unauth_paths(
    conf: &mut LocationConf,
    cf: &mut Conf<'_>,
) -> Result<(), Mistake> {
    if conf.unauth_paths.is_some() {
        return Err(duplicate_list("authentik_unauth_paths"));
    }
    const DIRECTIVE: &str = "authentik_unauth_paths";
    let paths = unauth_paths(DIRECTIVE, cf)?;
    if paths.open_everything() {
        cf.warn(&format!(
            "{DIRECTIVE}: opens every path, since patterns match anywhere in it; anchor them, e.g. \
             ^/public/"
        ));
    }
    conf.unauth_paths = Some(Arc::new(paths));
    conf.needs.say(needs::Directive::UnauthPaths, cf);
    Ok(())
}

pub(in crate::conf) fn set_unauthenticated(
    conf: &mut LocationConf,
    cf: &mut Conf<'_>,
) -> Result<(), Mistake> {
    if conf.unauthenticated.is_some() {
        return Err(duplicate("authentik_unauthenticated"));
    }
    let value = cf.argument();
    conf.unauthenticated = Some(match value.as_str() {
        "auto" => Unauthenticated::Auto,
        "redirect" => Unauthenticated::Redirect,
        "401" => Unauthenticated::Refuse,
        "pass" => Unauthenticated::Pass,
        _ => {
            return Err(Mistake::Said(format!(
                "authentik_unauthenticated: \"{value}\" is not one of auto, redirect, 401, pass"
            )));
        }
    });
    conf.needs.say(needs::Directive::Unauthenticated, cf);
    Ok(())
}

/// May be given several times, and all must hold. A location's own rules replace inherited ones.
pub(in crate::conf) fn set_require(
    conf: &mut LocationConf,
    cf: &mut Conf<'_>,
) -> Result<(), Mistake> {
    let mut words = cf.arguments().into_iter();
    let kind = words.next().unwrap_or_default();
    let values: Vec<String> = words.collect();
    let rule =
        Rule::parse(&kind, &values).map_err(|error| format!("authentik_require: {error}"))?;
    conf.require.get_or_insert_default().add(rule);
    conf.require_place.get_or_insert_with(|| cf.place());
    Ok(())
}

/// Headers that a request needs: removing them would change its meaning.
const NEEDED: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "content-type",
    "transfer-encoding",
    "upgrade",
    "cookie",
    "expect",
    "te",
];

pub(in crate::conf) fn set_identity_headers(
    conf: &mut LocationConf,
    cf: &mut Conf<'_>,
) -> Result<(), Mistake> {
    if conf.identity_headers.is_some() {
        return Err(duplicate_list("authentik_identity_headers"));
    }
    let names = cf.arguments().into_iter().map(|name| identity_header(&name));
    conf.identity_headers = Some(names.collect::<Result<_, _>>()?);
    conf.needs.say(needs::Directive::IdentityHeaders, cf);
    Ok(())
}

fn identity_header(name: &str) -> Result<Box<[u8]>, Mistake> {
    let wrong =
        |what: &str| Mistake::Said(format!("authentik_identity_headers: \"{name}\" {what}"));
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
        return Err(wrong("is not a header name; use letters, digits, - and _"));
    }
    let lower = name.to_ascii_lowercase();
    if NEEDED.contains(&lower.as_str()) {
        return Err(wrong("carries the request itself and cannot be removed from it"));
    }
    Ok(lower.into_bytes().into())
}

pub(in crate::conf) fn set_header_encoding(
    conf: &mut LocationConf,
    cf: &mut Conf<'_>,
) -> Result<(), Mistake> {
    if conf.header_encoding.is_some() {
        return Err(duplicate("authentik_header_encoding"));
    }
    let value = cf.argument();
    let encoding = HeaderEncoding::parse(&value).ok_or_else(|| {
        format!("authentik_header_encoding: \"{value}\" is not one of utf8, percent, latin1")
    })?;
    conf.header_encoding = Some(encoding);
    conf.needs.say(needs::Directive::HeaderEncoding, cf);
    Ok(())
}

pub(in crate::conf) fn set_strip_cookie(
    conf: &mut LocationConf,
    cf: &mut Conf<'_>,
) -> Result<(), Mistake> {
    set_flag("authentik_strip_cookie", &mut conf.strip_cookie, cf)?;
    conf.needs.say(needs::Directive::StripCookie, cf);
    Ok(())
}

pub(in crate::conf) fn set_header_auth(
    conf: &mut LocationConf,
    cf: &mut Conf<'_>,
) -> Result<(), Mistake> {
    set_flag("authentik_header_auth", &mut conf.header_auth, cf)?;
    let directive = match conf.header_auth {
        Some(false) => needs::Directive::HeaderAuthOff,
        Some(true) | None => needs::Directive::HeaderAuthOn,
    };
    conf.needs.say(directive, cf);
    Ok(())
}

pub(in crate::conf) fn set_flag(
    directive: &'static str,
    flag: &mut Option<bool>,
    cf: &mut Conf<'_>,
) -> Result<(), Mistake> {
    if flag.is_some() {
        return Err(duplicate(directive));
    }
    *flag = Some(match cf.argument().as_str() {
        "on" => true,
        "off" => false,
        other => {
            return Err(Mistake::Said(format!("{directive}: \"{other}\" is neither on nor off")));
        }
    });
    Ok(())
}
