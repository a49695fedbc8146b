//! nginx accepts every configuration in `nginx-conf/`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{TempDir, certificate, free_port, module, test_configuration};

#[test]
fn every_sample_configuration_passes_nginx_t() {
    for sample in samples() {
        let name = sample.display().to_string();
        let text = fs::read_to_string(&sample).expect("a sample");
        let directory = TempDir::new();
        directory.write("temp/keep", "");
        certificate("sample.example.com", "127.0.0.1", &directory);

        let conf = runnable(&text, &directory);
        let verdict = test_configuration(&directory, &conf);

        assert!(verdict.accepted, "{name}: {}\n{conf}", verdict.text);
        assert!(!verdict.text.contains("authentik_"), "{name}: {}", verdict.text);
    }
}

#[test]
fn the_first_line_of_a_sample_says_for_whom_it_is() {
    for sample in samples() {
        let text = fs::read_to_string(&sample).expect("a sample");
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("# "), "{}: {first:?}", sample.display());
        assert!(first.len() > 20, "{}: {first:?}", sample.display());
    }
}

fn samples() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("nginx-conf");
    let mut samples: Vec<PathBuf> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
        .collect();
    samples.sort();
    assert!(!samples.is_empty(), "no sample in {}", directory.display());
    samples
}

/// The sample with this machine's files in place of the administrator's. A sample is a complete
/// `nginx.conf`, the contents of an `http` block (as in `conf.d/`), or an include for a location.
fn runnable(sample: &str, directory: &TempDir) -> String {
    let text: String =
        sample.lines().map(|line| with_local_files(line, directory) + "\n").collect();
    let opens = |block: &str| text.lines().any(|line| line.trim_start().starts_with(block));
    let load = format!("load_module {};\npid nginx.pid;\n", module().display());
    let temp = "client_body_temp_path temp/1; proxy_temp_path temp/2; fastcgi_temp_path temp/3;\n\
                uwsgi_temp_path temp/4; scgi_temp_path temp/5; access_log off;\n";
    if opens("http") {
        let whole = text.replace("http {", &format!("http {{\n{temp}"));
        return if opens("events") {
            load + &whole
        } else {
            format!("{load}events {{ }}\n{whole}")
        };
    }
    let http = if opens("server") || opens("authentik_") {
        text
    } else {
        format!("{WIKI} server {{ authentik_provider wiki;\nlocation / {{\n{text}\n}} }}")
    };
    format!("{load}events {{ }}\nhttp {{\n{temp}{http}\n}}\n")
}

fn with_local_files(line: &str, directory: &TempDir) -> String {
    let file = |name: &str| directory.path().join(name).display().to_string();
    let directive = line.split('#').next().unwrap_or_default().trim().trim_end_matches(';');
    let mut words = directive.split_whitespace();
    let local = match words.next().unwrap_or_default() {
        "load_module" | "pid" | "user" | "error_log" => return String::new(),
        // Not the sample's port, which may be in use or require root.
        "listen" => format!("127.0.0.1:{}", free_port()),
        "ssl_certificate" | "ssl_trusted_certificate" => file("cert.pem"),
        "ssl_certificate_key" => file("key.pem"),
        "state_path" => file("state"),
        // The file that comes with nginx.
        "include" if line.contains("fastcgi_params") => {
            directory.write("fastcgi_params", "");
            file("fastcgi_params")
        }
        // Another sample, installed next to nginx.conf.
        "include" => {
            let name = words.clone().next().and_then(|path| path.rsplit('/').next());
            format!("{}/nginx-conf/{}", env!("CARGO_MANIFEST_DIR"), name.unwrap_or_default())
        }
        key if key.ends_with("_file") => {
            directory.write_secret("secret", "a-secret\n");
            file("secret")
        }
        _ => return line.to_owned(),
    };
    let value = words.next().unwrap_or_else(|| panic!("{line}: no value"));
    line.replacen(value, &local, 1)
}

const WIKI: &str = "authentik_provider wiki {
    issuer https://sso.example.com/application/o/wiki/;
    client_id wiki-client;
    client_secret direct;
    external_host https://wiki.example.com;
}
";
