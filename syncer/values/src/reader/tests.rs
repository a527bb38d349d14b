//! Values files of all dialects. The names in `fixtures/values` are `what.dialect.yaml`. Files of the same `what` ask for the
//! same, except for `blog.0.28.yaml`, which names kinds in a form that the others do not have.

use super::*;

mod conversion;

mod generated;

mod messages;

mod reading;

/// A file, its dialect and its text.
type Fixture = (&'static str, Dialect, &'static str);

macro_rules! fixture {
    ($name:literal, $dialect:ident) => {
        (
            $name,
            Dialect::$dialect,
            include_str!(concat!("../../../fixtures/values/", $name)),
        )
    };
}

const FIXTURES: [Fixture; 11] = [
    fixture!("blog.0.15.yaml", V0_15),
    fixture!("blog.0.20.yaml", V0_20),
    fixture!("blog.0.28.yaml", V0_28),
    fixture!("plain.0.15.yaml", V0_15),
    fixture!("plain.0.20.yaml", V0_20),
    fixture!("plain.0.28.yaml", V0_28),
    fixture!("patches.0.15.yaml", V0_15),
    fixture!("patches.0.20.yaml", V0_20),
    fixture!("from-host.0.20.yaml", V0_20),
    fixture!("from-host.0.28.yaml", V0_28),
    fixture!("named.0.28.yaml", V0_28),
];

fn fixture(name: &str) -> Values {
    let (name, _, text) = FIXTURES.iter().find(|(of, ..)| *of == name).expect("it is there");
    parse(text, name).unwrap_or_else(|error| panic!("{error}"))
}
