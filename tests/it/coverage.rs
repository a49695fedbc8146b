//! What is protected here: on the status page, as JSON, and by `nginx -t`.

use serde_json::{Value, json};

use crate::harness::{Site, certificate, test_configuration, test_with_log};

const SERVER: &str = "authentik_provider wiki;
     location / { authentik_unauth_paths ^/public/; proxy_pass http://app; }
     location /staff/ { authentik_require group staff; proxy_pass http://app; }
     location /open/ { authentik_provider off; proxy_pass http://app; }
     location /said/ { return 200; }
     location = /status { authentik_provider off; authentik_status format=json; allow 127.0.0.1; deny all; }
     location = /page { authentik_provider off; authentik_status; allow 127.0.0.1; deny all; }
     location = /for-all { authentik_provider off; authentik_status format=json; }";

fn parts(status: &Value) -> Vec<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let parts = status["coverage"]["parts"].as_array().unwrap();
    let remarks = |part: &Value| part["remarks"].as_array().unwrap().iter().map(text).collect();
    parts
        .iter()
        .map(|part| (text(&part["location"]), text(&part["access"]), remarks(part)))
        .collect()
}

#[test]
fn the_status_lists_what_is_protected_where_access_to_it_is_restricted() {
    let site = Site::start(SERVER);
    let status: Value = serde_json::from_str(&site.get("/status").send().text()).unwrap();

    let parts = parts(&status);
    let access = |location: &str| {
        let (_, access, remarks) = parts.iter().find(|(at, ..)| at == location).unwrap();
        (access.as_str(), remarks.len())
    };
    assert_eq!(access(""), ("protected", 0));
    assert_eq!(access("/"), ("partly_open", 0));
    assert_eq!(access("/staff/"), ("protected", 0));
    assert_eq!(access("/open/"), ("open", 1));
    assert_eq!(access("/said/"), ("open", 1));
    assert_eq!(access("/status"), ("open", 2), "allow and deny apply");
    let staff = &status["coverage"]["parts"].as_array().unwrap();
    let staff = staff.iter().find(|part| part["location"] == "/staff/").unwrap();
    assert_eq!(
        (&staff["provider"], &staff["require"]),
        (&json!("wiki"), &json!(["group \"staff\""]))
    );

    let for_all: Value = serde_json::from_str(&site.get("/for-all").send().text()).unwrap();
    assert!(for_all.get("coverage").is_none(), "anybody can see this one");
    let page = site.get("/page").send();
    for said in ["What is protected", "only group &quot;staff&quot;", "open: ^/public/"] {
        assert!(page.text().contains(said), "{said}: {}", page.text());
    }
}

#[test]
fn nginx_t_lists_what_is_protected_if_asked() {
    let directory = crate::harness::TempDir::new();
    directory.write_secret("secret", "a-client-secret\n");
    directory.write("temp/keep", "");
    certificate("sso.example.com", "127.0.0.1", &directory);
    let conf = |says: &str| {
        format!(
            "load_module {};\nerror_log stderr notice;\npid nginx.pid;\nevents {{ }}\nhttp {{\n\
             client_body_temp_path temp/1; proxy_temp_path temp/2; fastcgi_temp_path temp/3;\n\
             uwsgi_temp_path temp/4; scgi_temp_path temp/5; access_log off;\n{says}\n\
             authentik_provider wiki {{ issuer https://sso.example.com/application/o/wiki/; client_id c;\n\
             client_secret s; external_host https://wiki.example.com; }}\n\
             server {{ server_name wiki.example.com; authentik_provider wiki;\n\
             location / {{ authentik_provider off; }} location @a {{ }} }} server {{ }}\n}}\n",
            crate::harness::module().display()
        )
    };
    let said = test_configuration(&directory, &conf("authentik_report on;")).text;
    for line in [
        "nginx.conf:11): protected, authentik_provider wiki",
        "location \"/\": open; open, though other parts of this server are protected",
        "location \"@a\": internal, authentik_provider wiki",
        "authentik_report: server without a name (",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert_eq!(said.matches("authentik_report: server").count(), 4, "{said}");
    // nginx itself shows a notice on the terminal only if that is its log.
    let shown = test_with_log(&directory, &conf("authentik_report on;"), "nginx.log").text;
    assert_eq!(shown.matches("nginx: authentik_report: server").count(), 4, "{shown}");
    let silent = test_configuration(&directory, &conf("authentik_report off;")).text;
    assert!(!silent.contains("authentik_report:"), "{silent}");
}
