//! Creation of the mirror, once everything that it needs is on the host.

use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;

use super::Pods;
use super::translate::{self, Surroundings};
use crate::sync::runtime::budget::size_of;
use crate::sync::runtime::context::MANAGER;
use crate::sync::runtime::error::{Attempt, ReconcileError, refusal};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::Action;
use crate::sync::to_host::core_kinds::accounts;
use crate::sync::to_host::references::{ConfigObject, Needs, needs};

impl Pods {
    /// Creates the mirror, or returns the reason that it waits for.
    pub(super) async fn create(&self, key: &Key, guest: &Pod) -> Result<Action, ReconcileError> {
        if (self.runtime_classes.as_ref()).is_some_and(|classes| !classes.are_known()) {
            return Ok(Action::WaitFor("the host's runtime classes to be listed"));
        }
        self.comply(guest)?;
        if let Some(what) = self.admit(&needs::of_pod(guest))? {
            return Ok(Action::WaitFor(what));
        }
        if let (Some(accounts), Some(account)) = (&self.accounts, self.account(guest))
            && !accounts.have_made(&Key::new(key.namespace.clone(), account))?
        {
            return Ok(Action::WaitFor("its service account to be on the host"));
        }
        if (guest.spec.as_ref()).is_some_and(|spec| spec.scheduling_gates.iter().flatten().count() > 0) {
            // The removal of a gate changes the pod, which requeues it.
            return Ok(Action::AwaitChange);
        }
        let dns = self.services.dns();
        if translate::needs_dns(guest) && dns.is_none() {
            self.services.dns_may_come()?;
            return Ok(Action::WaitFor("the Service kube-dns in kube-system"));
        }
        if (self.priority_classes.as_ref()).is_some_and(|classes| !classes.are_known()) {
            return Ok(Action::WaitFor("the host's priority classes to be listed"));
        }
        let host = self.translated(guest, dns.as_deref());
        let params = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let attempted = || format!("create pod {key} on the host");
        let charge = self.ledger.charge(key, size_of(&host), false);
        let charge = charge.map_err(|over| ReconcileError::over(&attempted(), &over))?;
        self.context.metrics().write("host", "Pod", "create");
        let created = self
            .context
            .host_api::<Pod>(&key.namespace)
            .create(&params, &host)
            .await;
        if refusal(&created).is_some_and(kube::core::Status::is_already_exists) {
            return Ok(Action::WaitFor("the host's pod of that name to be listed"));
        }
        let created = created.attempting(attempted)?;
        charge.keep();
        self.remark(guest, &created).await;
        Ok(Action::AwaitChange)
    }

    /// Returns the dependency that a pod has to wait for before all that it names may be read on the host.
    pub(super) fn admit(&self, needs: &Needs) -> Result<Option<&'static str>, ReconcileError> {
        for ((payload, key), need) in needs {
            let payloads = match payload {
                ConfigObject::ConfigMap => &self.config_maps,
                ConfigObject::Secret => &self.secrets,
            };
            if let Some(what) = payloads.admit(key, *need)? {
                return Ok(Some(what));
            }
        }
        Ok(None)
    }

    pub(super) fn translated(&self, guest: &Pod, dns: Option<&str>) -> Pod {
        translate::host_pod(guest, &self.surroundings(guest, dns))
    }

    pub(super) fn surroundings<'a>(&'a self, guest: &'a Pod, dns: Option<&'a str>) -> Surroundings<'a> {
        let config = self.context.config();
        let class = (guest.spec.as_ref()).and_then(|spec| spec.priority_class_name.as_deref());
        let shown = |class: &&str| (self.priority_classes.iter()).any(|classes| classes.shows(class));
        Surroundings {
            tenant: &config.tenant,
            api_server: config.api_server_service_ip,
            cluster_domain: &config.cluster_domain,
            dns,
            priority_class: class.filter(shown),
            account: self.account(guest),
        }
    }

    /// Returns the pod's service account, if it has a mirror.
    pub(super) fn account<'a>(&self, guest: &'a Pod) -> Option<&'a str> {
        self.accounts.as_ref()?;
        let named = guest.spec.as_ref()?.service_account_name.as_deref()?;
        accounts::has_mirror(named).then_some(named)
    }
}
