//! Names that Kubernetes and Helm accept.
//!
//! Names are checked here, before anything is created, so that no other program refuses them half-way.

use std::fmt;

/// The prefix of a tenant's host namespace, as in vcluster's own command line.
pub const NAMESPACE_PREFIX: &str = "vcluster-";

/// The longest environment name: it is part of the paths of Unix sockets, which Linux limits to 107 bytes.
pub const LONGEST_ENVIRONMENT: usize = 32;

/// The longest tenant name: Helm's limit for a release name (`pkg/chartutil/validate_name.go`). The host namespace,
/// `vcluster-NAME`, stays below the 63 characters of a DNS label with it.
pub const LONGEST_TENANT: usize = 53;

/// A name that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Checks the name of an environment: a DNS label (RFC 1123).
    pub fn environment(name: &str) -> Result<Self, Error> {
        check("environment", name, LONGEST_ENVIRONMENT, |first| {
            first.is_ascii_lowercase() || first.is_ascii_digit()
        })
    }

    /// Checks the name of a tenant: a DNS label that begins with a letter (RFC 1035), because its Service has the
    /// same name.
    pub fn tenant(name: &str) -> Result<Self, Error> {
        check("tenant", name, LONGEST_TENANT, |first| first.is_ascii_lowercase())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Errors of names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("the {of}'s name is empty")]
    Empty {
        /// The kind of object that it would name.
        of: &'static str,
    },
    /// It is too long.
    #[error("the {of} name `{name}` has {} characters; {longest} is the limit", name.chars().count())]
    TooLong {
        /// The kind of object that it would name.
        of: &'static str,
        /// The name.
        name: String,
        /// The limit.
        longest: usize,
    },
    /// A character is not allowed, or not there.
    #[error("the {of} name `{name}` {why}, such as `{instead}`")]
    Refused {
        /// The kind of object that it would name.
        of: &'static str,
        /// The name.
        name: String,
        /// The rule that it breaks.
        why: &'static str,
        /// A name like it that is allowed.
        instead: String,
    },
}

fn check(
    of: &'static str,
    name: &str,
    longest: usize,
    may_begin: impl Fn(char) -> bool,
) -> Result<Name, Error> {
    let allowed =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    let refused = |why| {
        Err(Error::Refused {
            of,
            name: name.to_owned(),
            why,
            instead: allowed_name(of, name, longest),
        })
    };
    let Some(first) = name.chars().next() else {
        return Err(Error::Empty { of });
    };
    if name.chars().count() > longest {
        return Err(Error::TooLong {
            of,
            name: name.to_owned(),
            longest,
        });
    }
    if !name.chars().all(allowed) {
        return refused("may have lower-case letters, digits and `-` only");
    }
    if !may_begin(first) {
        return refused(if of == "tenant" {
            "must begin with a letter, as its Service does"
        } else {
            "must begin with a letter or a digit"
        });
    }
    if name.ends_with('-') {
        return refused("must end with a letter or a digit");
    }
    Ok(Name(name.to_owned()))
}

fn allowed_name(of: &str, name: &str, longest: usize) -> String {
    let lower: String = name
        .to_lowercase()
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() {
                character
            } else {
                '-'
            }
        })
        .collect();
    let trimmed = lower.trim_matches('-');
    let begins = trimmed.chars().next();
    let named = match begins {
        None => of.to_owned(),
        Some(first) if of == "tenant" && first.is_ascii_digit() => format!("{of}-{trimmed}"),
        Some(_) => trimmed.to_owned(),
    };
    named
        .chars()
        .take(longest)
        .collect::<String>()
        .trim_end_matches('-')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::letters("default")]
    #[case::digits_first("2nd")]
    #[case::dashes("a--b")]
    fn an_environment_may_be_called(#[case] name: &str) {
        assert_eq!(Name::environment(name).unwrap().to_string(), name);
    }

    #[rstest]
    #[case::empty("", "the tenant's name is empty")]
    #[case::upper(
        "Blue",
        "the tenant name `Blue` may have lower-case letters, digits and `-` only, such as `blue`"
    )]
    #[case::underscore(
        "a_b",
        "the tenant name `a_b` may have lower-case letters, digits and `-` only, such as `a-b`"
    )]
    #[case::digit(
        "1st",
        "the tenant name `1st` must begin with a letter, as its Service does, such as `tenant-1st`"
    )]
    #[case::trailing(
        "blue-",
        "the tenant name `blue-` must end with a letter or a digit, such as `blue`"
    )]
    #[case::nothing_left(
        "---",
        "the tenant name `---` must begin with a letter, as its Service does, such as `tenant`"
    )]
    fn a_tenant_may_not_be_called(#[case] name: &str, #[case] why: &str) {
        assert_eq!(Name::tenant(name).unwrap_err().to_string(), why);
    }

    #[test]
    fn the_longest_tenant_name_still_makes_a_namespace() {
        let longest = "a".repeat(LONGEST_TENANT);
        assert!(Name::tenant(&longest).is_ok());
        assert!(NAMESPACE_PREFIX.len() + LONGEST_TENANT <= 63);
        assert_eq!(
            Name::tenant(&format!("{longest}a")).unwrap_err().to_string(),
            format!("the tenant name `{longest}a` has 54 characters; 53 is the limit")
        );
    }
}
