//! `outcrop keys` against a running gateway.

use crate::outcrop::Outcrop;
use crate::serve::Gateway;

#[test]
fn a_key_is_usable_at_once_and_useless_at_once() {
    let gateway = Gateway::start();
    let data = gateway.folder.path().join("data").display().to_string();
    let keys = |args: &[&str]| Outcrop::new(&[&["keys"], args, &["--data-dir", &data]].concat());
    let chat = |key: &str| {
        let chat = Outcrop::new(&["chat", "-m", &gateway.arns[0], "repeat after me: well"]);
        chat.env("OUTCROP_URL", &gateway.url).env("OUTCROP_API_KEY", key).run()
    };
    assert_eq!(keys(&["list", "--json"]).run().json(), serde_json::json!([]));
    let made = keys(&["create", "--name", "ana", "--profile", &gateway.arns[0]]).run();
    let key = made.stdout.trim().to_owned();
    assert!(key.starts_with("sk-outcrop-") && !made.stderr.contains(&key), "{made:?}");
    assert!(chat(&key).succeeded().contains("well"));
    assert_eq!(chat("sk-outcrop-0").code, 1);
    let listed = keys(&["list", "--json"]).run();
    assert!(!listed.stdout.contains(&key), "{listed:?}");
    let listed = listed.json();
    assert_eq!((&listed[0]["name"], &listed[0]["profile"]), (&"ana".into(), &gateway.arns[0].clone().into()));
    assert!(keys(&["create", "--name", "ana"]).run().failed().contains("there is a key `ana` already"));
    assert_eq!(keys(&["revoke", "ana"]).run().succeeded(), "revoked ana\n");
    assert_eq!(chat(&key).code, 1);
    assert!(keys(&["revoke", "ana"]).run().failed().contains("no key `ana`"));
}

#[test]
fn what_can_be_no_key_is_refused() {
    let keys = |args: &[&str]| Outcrop::new(&[&["keys", "create", "--data-dir", "data"], args].concat());
    assert_eq!(keys(&["--name", "a b"]).run().code, 2);
    assert_eq!(keys(&[]).run().code, 2);
    let nonsense = keys(&["--name", "a", "--model", "claude-3-haiku"]).run().failed();
    assert!(nonsense.contains("claude-3-haiku") && nonsense.contains("hint"), "{nonsense}");
    let file = "keys: [{name: ana, key: hunter2}]\n";
    let taken = keys(&["--name", "ana"]).file("outcrop.yaml", file).run().failed();
    assert!(taken.contains("there is a key `ana` in outcrop.yaml"), "{taken}");
    let file = "accounts: {research: {profile: research}}\n";
    let lost = keys(&["--name", "ana", "--account", "reserch"]).file("outcrop.yaml", file).run().failed();
    assert!(lost.contains("no account `reserch`") && lost.contains("did you mean research?"), "{lost}");
    let made = keys(&["--name", "ana", "--account", "research", "--json"]).file("outcrop.yaml", file).run();
    assert_eq!(made.json()["account"], "research");
}
