//! Random bytes and changed tokens never verify, and nothing panics.

use proptest::prelude::*;

use super::{
    ED25519, ED25519_PUBLIC, NOW, P256, P256_PUBLIC, RSA, RSA_PUBLIC, SECRET, at, claims, signing,
    verifier,
};
use crate::tokens::jwks::{Secrets, parse_jwks};
use crate::tokens::key_file::parse_key;
use crate::tokens::{SigningKey, UnverifiedToken};

const KEYS: [&[u8]; 4] = [
    SECRET,
    P256_PUBLIC.as_bytes(),
    RSA_PUBLIC.as_bytes(),
    ED25519_PUBLIC.as_bytes(),
];
const SIGNING_KEYS: [&[u8]; 4] = [SECRET, P256.as_bytes(), RSA.as_bytes(), ED25519.as_bytes()];

/// A change of a text: what is replaced, and by what.
#[derive(Debug, Clone)]
enum Change {
    Replace(prop::sample::Index, char),
    Insert(prop::sample::Index, char),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    let c = || prop_oneof!["[A-Za-z0-9_.=-]", any::<char>().prop_map(String::from)];
    let c = move || c().prop_map(|text| text.chars().next().unwrap_or('.'));
    prop_oneof![
        (index(), c()).prop_map(|(at, c)| Change::Replace(at, c)),
        (index(), c()).prop_map(|(at, c)| Change::Insert(at, c)),
        index().prop_map(Change::Remove),
        index().prop_map(Change::Cut),
        (index(), index()).prop_map(|(a, b)| Change::Swap(a, b)),
    ]
}

fn apply(token: &str, change: &Change) -> String {
    let mut chars: Vec<char> = token.chars().collect();
    if chars.is_empty() {
        return String::new();
    }
    let length = chars.len();
    match change {
        Change::Replace(at, c) => chars[at.index(length)] = *c,
        Change::Insert(at, c) => chars.insert(at.index(length), *c),
        Change::Remove(at) => drop(chars.remove(at.index(length))),
        Change::Cut(at) => chars.truncate(at.index(length)),
        Change::Swap(a, b) => chars.swap(a.index(length), b.index(length)),
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_tokens_never_verify(which in 0_usize..4, changes in prop::collection::vec(change(), 1..4)) {
        let key = signing(SIGNING_KEYS[which]);
        let token = key.sign(&claims(r#","rooms":{"read":["*"]}"#)).unwrap();
        let changed = changes.iter().fold(token.clone(), |token, change| apply(&token, change));
        let verifier = verifier(&KEYS);
        prop_assert!(verifier.verify(&token, at(NOW)).is_ok());
        prop_assert_eq!(verifier.verify(&changed, at(NOW)).is_ok(), changed == token);
        if let Ok(unverified) = UnverifiedToken::decode(&changed) {
            let _ = unverified.claimed();
        }
    }

    #[test]
    fn random_texts_never_verify(text in any::<String>(), parts in prop::array::uniform3("[A-Za-z0-9_-]{0,80}")) {
        let verifier = verifier(&KEYS);
        prop_assert!(verifier.verify(&text, at(NOW)).is_err());
        prop_assert!(verifier.verify(&parts.join("."), at(NOW)).is_err());
    }

    /// The signature is right, so that header and claims are read.
    #[test]
    fn random_headers_and_claims_never_panic(header in any::<String>(), text in any::<String>(), json in json()) {
        let verifier = verifier(&[SECRET]);
        let key = signing(SECRET);
        let plain = r#"{"alg":"HS256"}"#;
        for (header, claims) in [(&*header, "{}"), (&json, "{}"), (plain, &text), (plain, &json)] {
            let token = key.sign_parts(header, claims).unwrap();
            let _ = verifier.verify(&token, at(NOW));
        }
    }

    #[test]
    fn random_keys_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), json in json(), place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let _ = parse_key(&bytes);
        let _ = SigningKey::parse(&bytes);
        let _ = parse_jwks(format!("{{\"keys\":[{json}]}}").as_bytes(), Secrets::Allowed);
        for pem in [P256_PUBLIC, RSA_PUBLIC, ED25519_PUBLIC] {
            let mut pem = pem.as_bytes().to_vec();
            let place = place.index(pem.len());
            pem[place] = byte;
            let _ = parse_key(&pem);
        }
    }
}

/// Objects of the members that headers, claims and keys have.
fn json() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "alg", "typ", "kid", "crit", "exp", "nbf", "iss", "aud", "sub", "name", "rooms", "read",
        "write", "kty", "crv", "k", "x", "y", "n", "e", "use", "key_ops",
    ]);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("\"HS256\"".to_owned()),
        Just("\"RSA\"".to_owned()),
        Just("[\"*\",\"a-*\"]".to_owned()),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(3, 20, 6, move |inner| {
        let member = (name.clone(), inner.clone());
        let members = prop::collection::vec(member, 0..6).prop_map(|members| {
            let members = members
                .iter()
                .map(|(name, value)| format!("\"{name}\":{value}"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        });
        prop_oneof![
            members,
            prop::collection::vec(inner, 0..4).prop_map(|list| format!("[{}]", list.join(","))),
        ]
    })
}
