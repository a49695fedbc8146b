//! The outpost side of the stand-in, as seen by a site: what tests with an outpost rely on.

use authentik_standin::OUTPOST_TOKEN;

use crate::harness::Site;

#[test]
fn a_site_without_a_provider_of_its_own_has_the_outposts_token_in_a_file() {
    let site = Site::builder()
        .without_provider()
        .settings(|settings, _| settings.sub_path = "/auth".to_owned())
        .server(
            "location / {
                 proxy_set_header Host sso.test;
                 proxy_set_header X-Forwarded-Proto https;
                 proxy_pass %%SSO%%/;
             }
             location = /where { return 200 %%TOKEN%%; }",
        )
        .start();
    let file = site.get("/where").send().text();
    let token = std::fs::read_to_string(&file).expect("the token");
    assert_eq!(token.trim_end(), OUTPOST_TOKEN);

    let list = site
        .get("/api/v3/outposts/proxy/")
        .header("Authorization", format!("Bearer {}", token.trim_end()))
        .send()
        .text();

    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    let entry = &list["results"][0];
    assert_eq!(entry["external_host"], site.url(), "the provider wiki");
    let issuer = &entry["oidc_configuration"]["issuer"];
    assert_eq!(issuer, "https://sso.test/auth/application/o/wiki/");
}
