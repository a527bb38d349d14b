//! The reconcilers of Kubernetes' own kinds that the values can switch off.

use std::sync::Arc;

use vcluster_values::kinds::CoreKind;

use super::from_host::events::{Events, Subjects};
use super::from_host::persistent_volumes::PersistentVolumes;
use super::from_host::projections::{self, Projections};
use super::pods::Pods;
use super::runtime::context::Context;
use super::runtime::informer::Change;
use super::runtime::readiness::Readiness;
use super::runtime::reconciler::Reconciler;
use super::to_host::core_kinds::{CoreKindReconciler, resource};
use super::to_host::references::References;
use super::to_host::replicated_services::ReplicatedServices;
use super::{FEW, start};
use crate::retry::until_cancelled;

/// The reconcilers that are switched on.
#[derive(Debug)]
pub(crate) struct OptionalKinds {
    mirrors: Vec<Arc<CoreKindReconciler>>,
    claims: Option<Claims>,
    copies: Vec<Arc<Projections>>,
    replicas: Vec<Arc<ReplicatedServices>>,
}

/// Reconcilers besides that of PVCs.
#[derive(Debug)]
struct Claims {
    volumes: Arc<PersistentVolumes>,
    events: Arc<Events>,
}

impl OptionalKinds {
    /// Creates the reconcilers; nothing runs yet.
    pub(crate) fn new(context: &Context, references: &Arc<References>) -> Self {
        let kinds = context.config().core.iter();
        let mirrors: Vec<_> = kinds
            .map(|kind| CoreKindReconciler::new(context, *kind, references))
            .collect();
        let claims = mirrors
            .iter()
            .find(|mirrors| are_claims(mirrors))
            .map(|claims| Claims {
                volumes: PersistentVolumes::new(context),
                events: Events::new(context, Subjects::Claims(claims.clone())),
            });
        Self {
            mirrors,
            claims,
            copies: Projections::all(context),
            replicas: ReplicatedServices::all(context),
        }
    }

    /// Returns the reconciler of copies of a cluster-scoped kind, such as `PriorityClass`, if the host's are shown.
    pub(crate) fn classes(&self, kind: &str) -> Option<Arc<Projections>> {
        self.copies.iter().find(|copies| copies.are_of(kind)).cloned()
    }

    /// Returns the reconciler of service accounts, if they have mirrors.
    pub(crate) fn accounts(&self) -> Option<Arc<CoreKindReconciler>> {
        let kind = resource(CoreKind::ServiceAccount);
        self.mirrors.iter().find(|mirrors| mirrors.is_of(&kind)).cloned()
    }

    /// Starts the workers.
    pub(crate) fn start(&self, context: &Context, readiness: &Readiness) {
        for mirrors in &self.mirrors {
            start(context, readiness, mirrors, FEW);
        }
        for copies in &self.copies {
            start(context, readiness, copies, FEW);
        }
        for replicas in &self.replicas {
            start(context, readiness, replicas, 1);
        }
        if let Some(Claims { volumes, events }) = &self.claims {
            start(context, readiness, volumes, FEW);
            // What was said before can be told later: readiness does not wait for it.
            events.start(FEW, context, context.tasks(), context.stop());
        }
    }

    /// Watches both sides; pods may wait for their service accounts.
    pub(crate) fn watch(&self, context: &Context, pods: &Arc<Pods>) {
        let accounts = self.accounts();
        for mirrors in &self.mirrors {
            let claims = self.claims.as_ref().filter(|_| are_claims(mirrors));
            let telling = claims.map(|claims| claims.events.clone());
            let of_accounts = accounts
                .as_ref()
                .is_some_and(|accounts| Arc::ptr_eq(accounts, mirrors));
            let waiting = of_accounts.then(|| pods.clone());
            mirrors.watch(move |change| {
                if let Some(events) = &telling {
                    events.seen(change);
                }
                if let (Some(pods), Change::Object(account)) = (&waiting, change) {
                    pods.recheck_namespace(&account.namespace);
                }
            });
        }
        if let Some(Claims { volumes, events }) = &self.claims {
            volumes.watch();
            events.watch();
        }
        self.copies.iter().for_each(Projections::watch);
        let (context, shown) = (context.clone(), self.copies.clone());
        let stop = context.stop().clone();
        context.tasks().clone().spawn(async move {
            let remove = || {
                let (context, shown) = (context.clone(), shown.clone());
                async move { projections::left::remove(&context, &shown).await }
            };
            until_cancelled("remove copies of what is not shown any more", &stop, remove).await
        });
        self.replicas.iter().for_each(ReplicatedServices::watch);
    }
}

fn are_claims(mirrors: &CoreKindReconciler) -> bool {
    mirrors.is_of(&resource(CoreKind::PersistentVolumeClaim))
}
