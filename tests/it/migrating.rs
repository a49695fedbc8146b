//! docs/migrating.md: the application notices no difference to the `auth_request` recipe.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::harness::Site;
use crate::outpost_endpoint::documented_recipe;

#[test]
fn the_application_receives_the_same_identity_as_by_the_auth_request_recipe() {
    let claims = recorded_claims();
    let site = Site::builder().http(&recipe(&claims)).server(OURS).start();
    let bob = site.signed_in_as("bob");

    assert_eq!(bob.get("/page?x=1").header("X-authentik-username", "root").status(), 200);
    let ours = site.app.last();
    let by_recipe =
        site.get("/page?x=1").to(site.other_address()).header("Cookie", "outpost=known");
    assert_eq!(by_recipe.header("X-authentik-username", "root").status(), 200);
    let recipes = site.app.last();

    assert_eq!(ours.target, recipes.target);
    for name in SIX {
        assert!(recipes.header(name).is_some_and(|value| !value.is_empty()), "{name}");
        // The stand-in's users have different ids from those in the recorded installation.
        if name != "X-authentik-uid" {
            assert_eq!(ours.header(name), recipes.header(name), "{name}");
        }
    }
    let uid = claims_of(ours.header("X-authentik-jwt").expect("a token"));
    assert_eq!(ours.header("X-authentik-uid"), uid["sub"].as_str());
    assert_eq!(recipes.header("X-authentik-uid"), claims["sub"].as_str());
}

#[test]
fn the_recipe_and_a_protected_site_have_each_its_own_user() {
    let site = Site::builder().http(&recipe(&recorded_claims())).server(OURS).start();
    let alice = site.signed_in();
    for _ in 0..2 {
        assert_eq!(alice.get("/page").status(), 200);
        assert_eq!(site.app.last().all("X-authentik-username"), ["alice"]);
        let by_recipe = site.get("/page").to(site.other_address());
        assert_eq!(by_recipe.header("Cookie", "outpost=known").status(), 200);
        assert_eq!(site.app.last().all("X-authentik-username"), ["bob"]);
    }
}

#[test]
fn both_refuse_a_stranger_and_the_module_tells_a_script_so() {
    let site = Site::builder().http(&recipe(&recorded_claims())).server(OURS).start();

    for (to, navigation, status) in [
        (site.address(), true, 302),
        (site.address(), false, 401),
        (site.other_address(), true, 302),
        (site.other_address(), false, 302),
    ] {
        let request = if navigation { site.navigate("/page") } else { site.get("/page") };
        assert_eq!(request.to(to).status(), status, "{to} {navigation}");
    }
    assert_eq!(site.app.hits(), 0);
}

const OURS: &str = "authentik_provider wiki;
     location / { proxy_pass http://app; }";

/// authentik's documented recipe, in a server without the module; its outpost knows one visitor,
/// with these claims.
fn recipe(claims: &Value) -> String {
    let joined = |name: &str| {
        let items = claims[name].as_array().expect("a list").iter();
        items.map(|item| item.as_str().expect("a name")).collect::<Vec<_>>().join("|")
    };
    let text = |name: &str| claims[name].as_str().expect("a text").to_owned();
    // docs/protocol.md §7.1: the claim in each header.
    let values = [
        text("preferred_username"),
        joined("groups"),
        joined("entitlements"),
        text("email"),
        text("name"),
        text("sub"),
    ];
    let answers: String = SIX
        .iter()
        .zip(&values)
        .map(|(name, value)| format!("add_header {name} \"{value}\";\n"))
        .collect();
    let recipe = documented_recipe("$host", "")
        .replace("%%LISTEN%%", "127.0.0.1:%%PORT2%%")
        .replace("%%APP%%", "app")
        .replace("%%OUTPOST%%", "unix:%%PREFIX%%/outpost.sock:");
    format!(
        "server {{
             listen unix:%%PREFIX%%/outpost.sock;
             location = /outpost.goauthentik.io/auth/nginx {{
                 if ($cookie_outpost != known) {{ return 401; }}
                 {answers}
                 return 200;
             }}
         }}
         {recipe}"
    )
}

/// What authentik 2026.2.2 said about bob.
fn recorded_claims() -> Value {
    let file = "tests/data/authentik-2026.2.2/token_response_hs256_bob.json";
    let text = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect(file);
    let answer: Value = serde_json::from_slice(&text).expect("JSON");
    claims_of(answer["access_token"].as_str().expect("a token"))
}

fn claims_of(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a JWS");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&payload).expect("claims")
}

/// The headers that the recipe passes on.
const SIX: [&str; 6] = [
    "X-authentik-username",
    "X-authentik-groups",
    "X-authentik-entitlements",
    "X-authentik-email",
    "X-authentik-name",
    "X-authentik-uid",
];
