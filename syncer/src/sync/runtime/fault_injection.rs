//! Faults of the syncer that tests build in, to see that something notices.
//!
//! With the feature `mutations`, the variable `SYNCER_MUTATION` names one; without it, there are none, and nothing of
//! this is in the program. Which test catches which is in `syncer/tests/mutations`.

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "mutations", derive(clap::ValueEnum))]
pub(crate) enum Mutation {
    /// Objects are not made on the host.
    DropCreations,
    /// Objects that are there are not changed.
    DropUpdates,
    /// Objects are not deleted on the host.
    DropDeletions,
    /// No status is shown in the guest.
    DropStatus,
    /// What an object names is not made on the host.
    DropReferences,
    /// What is on the host already is looked at much too late.
    Delay,
    /// Objects have another name on the host.
    Rename,
    /// What was seen first is taken for what is.
    StaleReads,
    /// Copies stay when what they show is gone.
    KeepCopies,
    /// What failed is taken for done.
    SwallowErrors,
    /// Objects that others made are taken over.
    AdoptForeign,
    /// What the guest says of whose an object is reaches the host.
    PassMarks,
    /// What happens on the host is not noticed.
    MissDrift,
    /// A guest namespace is let go before its mirror is.
    ForgetFinalizer,
    /// A mirror that is there is taken for furnished, as a restart between two writes leaves it.
    TrustHalfWritten,
    /// Containers that the host added are shown.
    ShowSidecars,
    /// Objects are written again and again.
    WriteAlways,
    /// Objects that reach out of the tenant are written to the host.
    OverlookViolations,
    /// Secrets that only the host has may be read.
    ReadHostOnly,
    /// Containers are the tenant's by their names.
    TrustNames,
    /// Labels of guest namespaces keep their keys on the host.
    PassLabels,
}

/// Whether a fault is built in and chosen.
#[cfg(feature = "mutations")]
#[expect(
    clippy::disallowed_methods,
    reason = "no setting, and in no program that anybody runs"
)]
pub(crate) fn is(mutation: Mutation) -> bool {
    use std::sync::LazyLock;

    use clap::ValueEnum;

    static CHOSEN: LazyLock<Option<Mutation>> = LazyLock::new(|| {
        let name = std::env::var("SYNCER_MUTATION").ok()?;
        let chosen = Mutation::from_str(&name, false);
        Some(chosen.unwrap_or_else(|error| panic!("SYNCER_MUTATION={name}: {error}")))
    });
    *CHOSEN == Some(mutation)
}

/// Returns true if a fault is built in and chosen: none is.
#[cfg(not(feature = "mutations"))]
pub(crate) const fn is(_: Mutation) -> bool {
    false
}
