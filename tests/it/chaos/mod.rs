//! Heavy evidence, run by `make chaos` only: processes are killed amid sign-ins and sign-outs, and
//! strangers invent cookies.

mod clock;
mod field;
mod network;
mod people;
mod storm;
mod strangers;

use std::time::Duration;

use crate::harness::{Connection, Site};
use crate::session_store::redis_server::{RedisServer, SECRET};
use crate::status::status;

const SERVER: &str = "authentik_provider wiki;
    location / { proxy_pass http://app; }
    location = /status.json { authentik_provider off; authentik_status format=json; }";

const USERS: [&str; 5] = ["alice", "bob", "zoe", "carol", "suse"];

/// Redis is told again what it could not take, after a few seconds.
const TOLD: Duration = Duration::from_secs(20);

/// Numbers that look random, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn page_of(user: &str) -> String {
    format!("/page?of={user}")
}

const FILE: &str = "authentik_session_store file %%PREFIX%%/store/sessions;";

fn with_redis(redis: &RedisServer) -> Site {
    Site::builder()
        .http(&redis.directive("timeout=500ms"))
        .server(SERVER)
        .secret_file(SECRET, &"0123456789abcdef".repeat(4))
        .start()
}

/// Asks with 100,000 cookies that look like ours.
fn strangers_cost_nothing(site: &Site) {
    const COOKIES: usize = 100_000;
    let alice = site.signed_in();
    let name = alice.session_cookies().remove(0).name;
    let questions = || status(site)["store"]["questions"].as_u64().expect("a number");
    let (before, mut dice) = (questions(), Dice(7));
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut connection = Connection::open(site.address());
    for number in 0..COOKIES {
        if number % 500 == 499 {
            connection = Connection::open(site.address());
        }
        let mut id: String =
            (0..42).map(|_| char::from(LETTERS[dice.below(64) as usize])).collect();
        id.push('A');
        let request = site.get("/page").header("Cookie", format!("{name}={id}"));
        assert_eq!(connection.request(&request).status(), 401);
    }
    let asked = questions() - before;
    eprintln!("strangers: {COOKIES} invented cookies, {asked} questions to the store");
    assert_eq!((asked, site.app.hits()), (0, 0));
}

#[test]
#[ignore = "minutes; make chaos runs it"]
fn a_hundred_thousand_invented_cookies_cost_no_question_to_a_file_or_to_redis() {
    strangers_cost_nothing(&Site::builder().http(FILE).server(SERVER).start());
    let redis = RedisServer::start();
    strangers_cost_nothing(&with_redis(&redis));
}
