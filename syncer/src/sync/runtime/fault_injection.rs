//! Faults that tests build into the syncer, to check that some test detects them.
//!
//! With the feature `mutations`, the variable `SYNCER_MUTATION` selects one. Without the feature, there are no faults, and none
//! of this is in the program. `syncer/tests/mutations` lists the test that detects each fault.

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "mutations", derive(clap::ValueEnum))]
pub(crate) enum Mutation {
    /// Objects are not created on the host.
    DropCreations,
    /// Objects that exist are not updated.
    DropUpdates,
    /// Objects are not deleted on the host.
    DropDeletions,
    /// No status is shown in the guest.
    DropStatus,
    /// ConfigMaps and Secrets that an object names are not created on the host.
    DropReferences,
    /// Objects that are on the host already are reconciled much too late.
    Delay,
    /// Objects have another name on the host.
    Rename,
    /// The first state of an object is taken for the current one.
    StaleReads,
    /// Copies stay when their originals are gone.
    KeepCopies,
    /// A failure is taken for success.
    SwallowErrors,
    /// Foreign objects are taken over.
    AdoptForeign,
    /// The guest's own values of the ownership annotations reach the host.
    PassMarks,
    /// Changes on the host are not noticed.
    MissDrift,
    /// A guest namespace is removed before its mirror is.
    ForgetFinalizer,
    /// A mirror that exists is taken for complete, although a restart between two writes may have left it incomplete.
    TrustHalfWritten,
    /// Containers that the host added are shown.
    ShowSidecars,
    /// Objects are written again and again.
    WriteAlways,
    /// Objects that reach out of the tenant are written to the host.
    OverlookViolations,
    /// Secrets that only the host has may be read.
    ReadHostOnly,
    /// Containers count as the tenant's by their names.
    TrustNames,
    /// Labels of guest namespaces keep their keys on the host.
    PassLabels,
}

/// Returns true if a fault is built in and selected.
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

/// Returns true if a fault is built in and selected; here none is.
#[cfg(not(feature = "mutations"))]
pub(crate) const fn is(_: Mutation) -> bool {
    false
}
