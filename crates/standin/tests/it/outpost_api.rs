//! The API that an outpost reads.

use authentik_standin::{
    CertificateSettings, Endpoint, Fault, Mode, OUTPOST_PK, OUTPOST_TOKEN, OutpostSettings,
    ProviderSettings, Standin,
};
use serde_json::{Value, json};

use crate::client::{Answer, claims, get, post, request, send};
use crate::{standin, started};

const INSTANCES: &str = "/api/v3/outposts/instances/";
const PROVIDERS: &str = "/api/v3/outposts/proxy/?page=1&page_size=100";

fn bearer() -> String {
    format!("Authorization: Bearer {OUTPOST_TOKEN}")
}

fn api(standin: &Standin, target: &str) -> Answer {
    get(standin.address(), target, &[&bearer()])
}

/// The keys of an object's text, in the order they stand there, at all depths.
fn keys(text: &str) -> Vec<String> {
    let next = text.split('"').skip(1);
    let followed = text.split('"').zip(next).filter(|(_, next)| next.trim_start().starts_with(':'));
    followed.map(|(key, _)| key.to_owned()).collect()
}

#[test]
fn the_instances_have_the_recorded_keys_in_order() {
    let recorded = include_str!("../data/outposts_instances_one_provider.json");
    let answer = api(&standin(), INSTANCES);
    assert_eq!(keys(&answer.body), keys(recorded));
    assert_eq!(answer.header("allow"), "GET, POST, HEAD, OPTIONS");
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(!answer.body.contains(": "), "compact, as recorded");
}

#[test]
fn the_provider_list_has_the_recorded_keys_in_order() {
    let recorded = include_str!("../data/outposts_proxy_one_provider.json");
    let standin = started(|settings| settings.providers[0].name = "App proxy ä/ü".to_owned());
    let answer = api(&standin, PROVIDERS);
    assert_eq!(keys(&answer.body), keys(recorded));
    assert!(answer.body.contains("App proxy ä/ü"), "raw UTF-8");
    assert!(answer.body.contains("\"access_token_validity\":3600.0,"));
}

#[test]
fn an_outpost_without_providers_has_the_recorded_list() {
    let standin = started(|settings| settings.providers.clear());
    let recorded = include_str!("../data/outposts_proxy_empty.json");
    assert_eq!(api(&standin, PROVIDERS).body, recorded.trim_end());
}

#[test]
fn a_bad_token_is_refused_as_recorded() {
    // docs/protocol.md §2.1
    let missing = "{\"detail\":\"Authentication credentials were not provided.\"}";
    let invalid = "{\"detail\":\"Token invalid/expired\"}";
    for (headers, body) in [
        (vec![], missing),
        (vec!["Authorization: Bearer wrong-token"], invalid),
        (vec!["Authorization: Bearer "], missing),
        (vec!["Authorization: Token standin-outpost-token"], missing),
        (vec!["Authorization: Basic YTpi"], missing),
    ] {
        for target in [INSTANCES, PROVIDERS] {
            let answer = get(standin().address(), target, &headers);
            assert_eq!((answer.status, answer.body.as_str()), (403, body), "{headers:?}");
        }
    }
    let open = get(standin().address(), "/api/v3/root/config/", &[]);
    assert_eq!(open.body, include_str!("../data/root_config.json").trim_end());
}

#[test]
fn a_token_that_was_deleted_is_invalid() {
    let standin = standin();
    assert_eq!(api(&standin, INSTANCES).status, 200);
    standin.change(|settings| settings.outposts[0].token = None);
    assert_eq!(api(&standin, INSTANCES).status, 403);
}

#[test]
fn an_outpost_sees_its_own_providers_only() {
    let standin = started(|settings| {
        settings.providers.push(ProviderSettings::new("blog", "http://blog.test"));
        settings.outposts.push(OutpostSettings {
            pk: "7d3007dc-c79c-4534-8ead-ee1d6270f290".to_owned(),
            token: Some("second".to_owned()),
            providers: Some(vec!["blog".to_owned()]),
            ..OutpostSettings::default()
        });
    });
    let second = get(standin.address(), PROVIDERS, &["Authorization: Bearer second"]).json();
    assert_eq!(second["pagination"]["count"], 1);
    assert_eq!(second["results"][0]["assigned_application_slug"], "blog");
    assert_eq!(api(&standin, PROVIDERS).json()["pagination"]["count"], 2);
}

#[test]
fn pages_hold_at_most_a_hundred_and_end_with_404() {
    let standin = started(|settings| {
        settings.providers = ProviderSettings::many(1000, |slug| format!("http://{slug}.test"));
    });
    let page = |number: u32, size: u32| {
        api(&standin, &format!("/api/v3/outposts/proxy/?page={number}&page_size={size}"))
    };
    let mut names = Vec::new();
    for number in 1..=10 {
        let list = page(number, 5000).json();
        assert_eq!(list["pagination"]["next"], if number < 10 { number + 1 } else { 0 });
        assert_eq!(list["pagination"]["previous"], number - 1);
        assert_eq!(list["pagination"]["start_index"], (number - 1) * 100 + 1);
        assert_eq!(list["pagination"]["end_index"], number * 100);
        let entries = list["results"].as_array().expect("entries");
        names.extend(entries.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()));
    }
    assert_eq!(names.len(), 1000);
    assert!(names.is_sorted());
    let past = page(11, 100);
    assert_eq!((past.status, past.body.as_str()), (404, "{\"detail\":\"Invalid page.\"}"));
    assert_eq!(page(4, 300).json()["pagination"]["current"], 4);
    assert_eq!(page(1, 7).json()["pagination"]["total_pages"], 143);
}

#[test]
fn urls_follow_the_host_and_scheme_of_the_request() {
    let standin = standin();
    let headers = [&bearer(), "Host: sso.test:9443", "X-Forwarded-Proto: https"];
    let list = get(standin.address(), PROVIDERS, &headers).json();
    let oidc = &list["results"][0]["oidc_configuration"];
    assert_eq!(oidc["issuer"], "https://sso.test:9443/application/o/wiki/");
    assert_eq!(oidc["token_endpoint"], "https://sso.test:9443/application/o/token/");
}

#[test]
fn everything_may_be_below_a_path() {
    let standin = started(|settings| settings.sub_path = "/auth".to_owned());
    let list = api(&standin, &format!("/auth{PROVIDERS}")).json();
    let issuer = format!("{}/auth/application/o/wiki/", standin.url());
    assert_eq!(list["results"][0]["oidc_configuration"]["issuer"], issuer);
    assert_eq!(standin.issuer("wiki"), issuer);
    let instances = api(&standin, &format!("/auth{INSTANCES}")).json();
    assert_eq!(
        instances["results"][0]["config"]["authentik_host"],
        format!("{}/auth/", standin.url())
    );
    for elsewhere in [PROVIDERS, "/authx/api/v3/outposts/proxy/", "/auth"] {
        assert_eq!(api(&standin, elsewhere).status, 404, "{elsewhere}");
    }
}

#[test]
fn providers_may_be_odd() {
    let standin = started(|settings| {
        let proxy = &mut settings.providers[0].proxy;
        proxy.mode = Mode::ForwardDomain;
        proxy.oddities = vec![
            ("client_id".to_owned(), None),
            ("external_host".to_owned(), Some(json!(42))),
            ("brand_new".to_owned(), Some(json!({"a": [1]}))),
        ];
        let mut hidden = ProviderSettings::new("no-app", "http://no-app.test");
        hidden.proxy.has_application = false;
        settings.providers.push(hidden);
    });
    let list = api(&standin, PROVIDERS).json();
    assert_eq!(list["pagination"]["count"], 1, "without an application, not in the list");
    let entry = &list["results"][0];
    assert_eq!(entry["mode"], "forward_domain");
    assert_eq!(entry.get("client_id"), None);
    assert_eq!((&entry["external_host"], &entry["brand_new"]), (&json!(42), &json!({"a": [1]})));
}

#[test]
fn one_bad_provider_breaks_its_page() {
    let standin = started(|settings| {
        settings.providers = ProviderSettings::many(12, |slug| format!("http://{slug}.test"));
        settings.providers[11].proxy.breaks_the_list = true;
    });
    let page =
        |number: u32| api(&standin, &format!("/api/v3/outposts/proxy/?page={number}&page_size=10"));
    assert_eq!(page(1).status, 200);
    let broken = page(2);
    assert_eq!((broken.status, broken.header("content-type")), (500, "text/html; charset=utf-8"));
}

#[test]
fn a_fault_may_be_for_one_page() {
    let standin = started(|settings| {
        settings.providers = ProviderSettings::many(101, |slug| format!("http://{slug}.test"));
    });
    standin.fault_times(Endpoint::ProvidersPage(2), Fault::NotJson, 1);
    let second = "/api/v3/outposts/proxy/?page=2&page_size=100";
    assert_eq!(api(&standin, PROVIDERS).json()["pagination"]["next"], 2);
    assert!(api(&standin, second).body.starts_with("<html>"));
    assert_eq!(api(&standin, second).json()["pagination"]["next"], 0);
}

#[test]
fn the_order_of_scopes_changes_with_a_restart() {
    let standin = standin();
    let scopes = || {
        let list = api(&standin, PROVIDERS).json();
        let scopes = list["results"][0]["scopes_to_request"].as_array().expect("scopes").clone();
        scopes.iter().map(|scope| scope.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut before = scopes();
    assert_eq!(before, scopes(), "the same until then");
    standin.shuffle_scopes();
    let mut after = scopes();
    assert_ne!(before, after);
    before.sort();
    after.sort();
    assert_eq!(before, after);
}

#[test]
fn a_certificate_is_for_the_outpost_whose_provider_names_it() {
    let pk = "bd1be30d-caa4-40d6-8a08-419a42b720cb";
    let recorded: Value =
        serde_json::from_str(include_str!("../data/certificate_metadata.json")).unwrap();
    let pem: Value =
        serde_json::from_str(include_str!("../data/certificate_view_certificate.json")).unwrap();
    let pem = pem["data"].as_str().unwrap().to_owned();
    let standin = started(|settings| {
        settings.certificates.push(CertificateSettings {
            pk: pk.to_owned(),
            name: "web".to_owned(),
            certificate_pem: pem.clone(),
            key_pem: "a key\n".to_owned(),
        });
    });
    let at = |view: &str| api(&standin, &format!("/api/v3/crypto/certificatekeypairs/{pk}/{view}"));
    for view in ["", "view_certificate/", "view_private_key/"] {
        let detail = "{\"detail\":\"No CertificateKeyPair matches the given query.\"}";
        assert_eq!((at(view).status, at(view).body.as_str()), (404, detail));
    }
    standin.change(|settings| settings.providers[0].proxy.certificate = Some(pk.to_owned()));
    let metadata = at("");
    assert_eq!(keys(&metadata.body), keys(include_str!("../data/certificate_metadata.json")));
    let metadata = metadata.json();
    for member in ["pk", "fingerprint_sha256", "fingerprint_sha1", "certificate_download_url"] {
        assert_eq!(metadata[member], recorded[member], "{member}");
    }
    assert_eq!(at("view_certificate/").json(), json!({"data": pem}));
    assert_eq!(at("view_private_key/").body, "{\"data\":\"a key\\n\"}");
}

#[test]
fn events_are_kept_and_unknown_actions_refused() {
    let standin = standin();
    let post = |body: &str| {
        let headers = [bearer(), "Content-Type: application/json".to_owned()];
        let headers = headers.each_ref().map(String::as_str);
        let target = "/api/v3/events/events/";
        send(standin.address(), &request("POST", target, standin.address(), &headers, body))
    };
    let unknown = post("{\"action\": \"custom_nginx\"}");
    let refusal = "{\"action\":[\"\\\"custom_nginx\\\" is not a valid choice.\"]}";
    assert_eq!((unknown.status, unknown.body.as_str()), (400, refusal));
    assert_eq!(post("no json").status, 400);
    let event = json!({"action": "configuration_error", "app": "a", "context": {"message": "m"}});
    let created = post(&event.to_string());
    assert_eq!((created.status, &created.json()["context"]), (201, &event["context"]));
    assert_eq!(standin.events(), [event]);
}

#[test]
fn an_instance_that_is_not_ones_own_is_unknown() {
    let standin = standin();
    let own = format!("{INSTANCES}{OUTPOST_PK}/");
    assert_eq!(api(&standin, &own).json()["pk"], OUTPOST_PK);
    assert_eq!(api(&standin, &format!("{own}health/")).body, "[]");
    let other = format!("{INSTANCES}7d3007dc-c79c-4534-8ead-ee1d6270f290/");
    assert_eq!(api(&standin, &other).status, 404);
    assert_eq!(api(&standin, "/api/v3/outposts/nothing/").status, 404);
}

#[test]
fn each_of_a_thousand_providers_signs_in_with_its_own_client() {
    let standin = started(|settings| {
        settings.providers = ProviderSettings::many(1000, |slug| format!("http://{slug}.test/"));
    });
    let list = api(&standin, "/api/v3/outposts/proxy/?name=app-0777-proxy").json();
    let entry = &list["results"][0];
    assert_eq!(entry["pk"], 777);
    let text = |member: &str| entry[member].as_str().expect("text").to_owned();
    let callback = "http://app-0777.test/outpost.goauthentik.io/callback?\
                    X-authentik-auth-callback=true";
    let encoded: String = url::form_urlencoded::byte_serialize(callback.as_bytes()).collect();
    let authorize = format!(
        "/application/o/authorize/?client_id={}&redirect_uri={encoded}&response_type=code&state=s",
        text("client_id")
    );
    let code = get(standin.address(), &authorize, &[]).code();
    let (client_id, client_secret) = (text("client_id"), text("client_secret"));
    let client = [("client_id", client_id.as_str()), ("client_secret", client_secret.as_str())];
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", callback),
    ];
    form.extend(client);
    let tokens = post(standin.address(), "/application/o/token/", &form).json();
    let claims = claims(&tokens["id_token"]);
    assert_eq!(claims["iss"], entry["oidc_configuration"]["issuer"]);
    assert_eq!(claims["aud"], client_id);
    let access_token = tokens["access_token"].as_str().expect("a token");
    let mut form = vec![("token", access_token)];
    form.extend(client);
    let introspected = post(standin.address(), "/application/o/introspect/", &form).json();
    assert_eq!(introspected["active"], true);
    assert_eq!(get(standin.address(), "/application/o/app-0777/jwks/", &[]).body, "{}");
}

#[test]
fn an_answer_may_never_come() {
    let standin = standin();
    standin.fault(Endpoint::Api, Fault::Hang);
    let asked = request("GET", INSTANCES, standin.address(), &[&bearer()], "");
    let mut stream = std::net::TcpStream::connect(standin.address()).unwrap();
    std::io::Write::write_all(&mut stream, asked.as_bytes()).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    let read = std::io::Read::read(&mut stream, &mut [0]);
    assert_eq!(read.map_err(|error| error.kind()), Err(std::io::ErrorKind::WouldBlock));
}
