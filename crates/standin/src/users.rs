//! The users of the recorded installation.

use serde_json::{Value, json};

use crate::settings::User;

/// alice, bob, zoe, carol, jürgen, suse, eve, nomail, biggy.
pub(crate) fn recorded() -> Vec<User> {
    vec![
        User::new("alice", "Alice Plain"),
        bob(),
        zoe(),
        User {
            attributes: json!({"app_username": "carol-upstream", "app_password": "p:ss wörd"}),
            ..User::new("carol", "Carol Basic").in_groups(&["devs"])
        },
        User {
            email: "juergen@example.test".to_owned(),
            app_passwords: vec!["app-password-jrgen-key-0123456789".to_owned()],
            attributes: json!({"app_username": "jürgen", "app_password": ""}),
            ..User::new("jürgen", "Jürgen Umlaut").in_groups(&["Gruppe Müller 名"])
        },
        User {
            superuser: true,
            ..User::new("suse", "Suse Super").in_groups(&["authentik Admins"])
        },
        User { active: false, ..User::new("eve", "Eve Inactive") },
        User { email: String::new(), ..User::new("nomail", "") },
        biggy(),
    ]
}

fn bob() -> User {
    User {
        entitlements: vec!["entitlement b|ü".to_owned(), "entitlement-a".to_owned()],
        attributes: json!({
            "department": "engineering",
            "additionalHeaders": {"X-Shared": "group-value", "X-Group-Header": "from-group-staff"},
        }),
        ..User::new("bob", "Bob Builder").in_groups(&[
            "staff",
            "devs",
            "pipe|in|name",
            "restricted-users",
        ])
    }
}

fn zoe() -> User {
    User {
        email: "zoe@exämple.test".to_owned(),
        entitlements: vec!["entitlement b|ü".to_owned()],
        attributes: json!({
            "department": "engineering",
            "additionalHeaders": {
                "X-Shared": "user-value", "X-Group-Header": "from-group-staff", "X-Int": 42,
                "X-Obj": {"k": "v"}, "X-Bool": true, "X-List": ["a", "b"], "X-Null": null,
                "X-Float": 1.5, "x-lower-case": "lc", "X-User-Header": "zoë-value",
            },
            "nested": {"a": {"b": 1}},
            "settings": {"locale": "de"},
        }),
        ..User::new("zoe", "Zoë Müller 日本語 😀").in_groups(&["staff", "Gruppe Müller 名"])
    }
}

/// 150 groups and a 20 kB attribute: tokens of 36 kB.
fn biggy() -> User {
    let headers: serde_json::Map<String, Value> = (0..30)
        .map(|i| (format!("X-Many-{i:02}"), Value::from(format!("value number {i:02} of many"))))
        .collect();
    User {
        groups: (0..150).map(|i| format!("group-{i:03}-with-a-rather-long-name")).collect(),
        attributes: json!({"blob": "x".repeat(20_000), "additionalHeaders": headers}),
        ..User::new("biggy", "Biggy Large")
    }
}
