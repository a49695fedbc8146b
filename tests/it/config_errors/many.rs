//! Thousands of providers.

use std::process::Command;

use super::{directory, whole};
use crate::harness::{TempDir, nginx_binary};

/// CPU seconds of `nginx -t` for so many providers, each with a server of its own.
fn cpu_seconds(directory: &TempDir, providers: usize) -> f64 {
    let mut http = "server_names_hash_max_size 131072;\n".to_owned();
    for at in 0..providers {
        http.push_str(&format!(
            "authentik_provider app-{at} {{ issuer https://sso.example.com/application/o/app-{at}/;\n\
             client_id client-{at}; client_secret secret-{at};\n\
             external_host https://app-{at}.example.com; }}\n\
             server {{ listen 127.0.0.1:8000; server_name app-{at}.example.com;\n\
             authentik_provider app-{at}; }}\n"
        ));
    }
    directory.write("nginx.conf", whole(&http, directory));
    let output = Command::new("sh")
        .args(["-c", "\"$@\" >&2 || exit; times", "sh"])
        .arg(nginx_binary())
        .arg("-p")
        .arg(directory.path())
        .args(["-e", "stderr", "-t", "-c", "nginx.conf"])
        .env("LSAN_OPTIONS", "detect_leaks=0")
        .output()
        .expect("nginx -t");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The shell's own times, then those of its children: `0m0.01s 0m0.02s`.
    let times = String::from_utf8_lossy(&output.stdout).into_owned();
    let of_children = times.lines().nth(1).expect("a second line");
    let seconds = of_children.split_whitespace().map(|time| {
        let (minutes, seconds) = time.trim_end_matches('s').split_once('m').expect("a time");
        minutes.parse::<f64>().expect("minutes") * 60.0 + seconds.parse::<f64>().expect("seconds")
    });
    seconds.sum()
}

#[test]
fn ten_times_as_many_providers_take_ten_times_as_long_and_not_a_hundred_times() {
    let directory = directory();
    let (some, many) = (cpu_seconds(&directory, 1_500), cpu_seconds(&directory, 15_000));
    // Caches make it somewhat more than ten times.
    assert!(many < 25.0 * some.max(0.02), "{many} s instead of {some} s");
}
