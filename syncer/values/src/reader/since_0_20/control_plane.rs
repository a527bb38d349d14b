//! Keys of the control plane.

use crate::reader::forms::Form;
use crate::reader::table::Fate::{Inside, Only, Read, Refuse};
use crate::reader::table::Shape::{Any, Bool, Keys, Labels, Object, Objects, Switch, Text, Texts, Whole};
use crate::reader::table::{IDLE, Row};

const NOT_DONE: &str = "the syncer does not do this";

const ONE_POD: &str = "the control plane is one pod";

const ETCD: &str = "the store is an etcd in the control plane's pod";

const CONTAINERS: &str = "the pod's containers are as they are";

const DNS: &str = "the guest's DNS server is set up as it is";

const ACCOUNT: &str = "the name of the service account is what the host's policy goes by";

const SERVICE: &str = "only the type of the Service can be set";

/// The keys of the control plane.
pub(in crate::reader) const KEYS: &[Row] = &[
    ("serviceCIDR", Text, Read(Form::Plain, "serviceCIDR")),
    (
        "controlPlane.advanced.defaultImageRegistry",
        Text,
        Read(Form::Registry, "defaultImageRegistry"),
    ),
    (
        "controlPlane.advanced.serviceAccount.imagePullSecrets",
        Objects,
        Read(Form::Plain, "serviceAccount.imagePullSecrets"),
    ),
    (
        "controlPlane.advanced.serviceAccount.enabled",
        Bool,
        Only("true", ACCOUNT),
    ),
    ("controlPlane.advanced.serviceAccount.name", Text, Refuse(ACCOUNT)),
    (
        "controlPlane.advanced.serviceAccount.{labels,annotations}",
        Any,
        Refuse(NOT_DONE),
    ),
    (
        "controlPlane.advanced.workloadServiceAccount.enabled",
        Bool,
        Only("true", "pods need an account on the host"),
    ),
    (
        "controlPlane.advanced.workloadServiceAccount.{name,imagePullSecrets,annotations,labels}",
        Any,
        Refuse("the workload account of each host namespace is as it is"),
    ),
    (
        "controlPlane.advanced.{virtualScheduler.enabled,headlessService.{labels,annotations},globalMetadata.annotations}",
        Any,
        Refuse(NOT_DONE),
    ),
    ("controlPlane.distro.k8s.enabled", Bool, IDLE),
    (
        "controlPlane.distro.k8s.{apiServer,controllerManager}.extraArgs",
        Texts,
        Read(Form::Plain, "{api,controller}.extraArgs"),
    ),
    (
        "controlPlane.distro.k8s.{apiServer,controllerManager}.enabled",
        Bool,
        Only("true", ONE_POD),
    ),
    (
        "controlPlane.distro.k8s.{apiServer,controllerManager}.command",
        Any,
        Refuse(CONTAINERS),
    ),
    ("controlPlane.distro.k8s.scheduler", Any, IDLE),
    (
        "controlPlane.distro.k8s.version",
        Text,
        Refuse(
            "the images of the API server and the controller manager say the version; see `defaults` in the chart",
        ),
    ),
    ("controlPlane.distro.k8s.image", Keys, IDLE),
    (
        "controlPlane.distro.k8s.image.{registry,repository,tag}",
        Text,
        Inside,
    ),
    ("controlPlane.distro.k8s.{imagePullPolicy,resources}", Any, IDLE),
    (
        "controlPlane.distro.k8s.{env,securityContext}",
        Any,
        Refuse(CONTAINERS),
    ),
    (
        "controlPlane.backingStore.{etcd.{embedded,external}.enabled,database.external.enabled}",
        Bool,
        Refuse(ETCD),
    ),
    (
        "controlPlane.backingStore.{etcd.deploy,database.embedded}.enabled",
        Bool,
        IDLE,
    ),
    (
        "controlPlane.backingStore.etcd.embedded.{migrateFromDeployedEtcd,snapshotCount}",
        Any,
        IDLE,
    ),
    (
        "controlPlane.backingStore.etcd.external.{endpoint,tls}",
        Any,
        IDLE,
    ),
    (
        "controlPlane.backingStore.database.{embedded,external}.{dataSource,connector,identityProvider,certFile,keyFile,caFile,extraArgs}",
        Any,
        IDLE,
    ),
    (
        "controlPlane.backingStore.etcd.deploy.{statefulSet,service}.enabled",
        Bool,
        Only("true", ETCD),
    ),
    (
        "controlPlane.backingStore.etcd.deploy.statefulSet.image",
        Keys,
        Read(Form::Image("registry.k8s.io", "etcd"), "etcd.image"),
    ),
    (
        "controlPlane.backingStore.etcd.deploy.statefulSet.image.{registry,repository,tag}",
        Text,
        Inside,
    ),
    (
        "controlPlane.backingStore.etcd.deploy.statefulSet.imagePullPolicy",
        Text,
        Read(Form::Plain, "etcd.imagePullPolicy"),
    ),
    (
        "controlPlane.backingStore.etcd.deploy.statefulSet.resources",
        Object,
        Read(Form::Plain, "etcd.resources"),
    ),
    (
        "controlPlane.backingStore.etcd.deploy.statefulSet.extraArgs",
        Texts,
        Read(Form::Plain, "etcd.extraArgs"),
    ),
    (
        "controlPlane.backingStore.etcd.deploy.statefulSet.persistence.volumeClaim.enabled",
        Bool,
        Read(Form::Plain, "etcd.storage.persistence"),
    ),
    (
        "controlPlane.backingStore.etcd.deploy.statefulSet.persistence.volumeClaim.{size,storageClass}",
        Text,
        Read(Form::Plain, "etcd.storage.{size,className}"),
    ),
    (
        "controlPlane.statefulSet.persistence.volumeClaim.enabled",
        Switch,
        Read(Form::Auto, "etcd.storage.persistence"),
    ),
    (
        "controlPlane.statefulSet.persistence.volumeClaim.{size,storageClass}",
        Text,
        Read(Form::Plain, "etcd.storage.{size,className}"),
    ),
    (
        "controlPlane.{backingStore.etcd.deploy.statefulSet,statefulSet}.persistence.volumeClaim.{retentionPolicy,accessModes}",
        Any,
        IDLE,
    ),
    (
        "controlPlane.{backingStore.etcd.deploy.statefulSet,statefulSet}.persistence.{volumeClaimTemplates,addVolumes,addVolumeMounts,dataVolume}",
        Any,
        Refuse(CONTAINERS),
    ),
    ("controlPlane.statefulSet.persistence.binariesVolume", Any, IDLE),
    (
        "controlPlane.backingStore.etcd.deploy.statefulSet.{labels,annotations,pods,env,security,highAvailability.replicas,scheduling}",
        Any,
        IDLE,
    ),
    (
        "controlPlane.backingStore.etcd.deploy.statefulSet.enableServiceLinks",
        Bool,
        IDLE,
    ),
    (
        "controlPlane.backingStore.etcd.deploy.{service.annotations,headlessService.annotations}",
        Any,
        IDLE,
    ),
    (
        "controlPlane.statefulSet.image",
        Keys,
        Read(Form::Image("docker.io", "shared-dapr/syncer"), "syncer.image"),
    ),
    (
        "controlPlane.statefulSet.image.{registry,repository,tag}",
        Text,
        Inside,
    ),
    (
        "controlPlane.statefulSet.imagePullPolicy",
        Text,
        Read(Form::Plain, "syncer.imagePullPolicy"),
    ),
    (
        "controlPlane.statefulSet.resources",
        Object,
        Read(Form::Plain, "syncer.resources"),
    ),
    (
        "controlPlane.statefulSet.{labels,annotations}",
        Labels,
        Read(Form::Plain, "syncer.{labels,annotations}"),
    ),
    (
        "controlPlane.statefulSet.pods.{labels,annotations}",
        Labels,
        Read(Form::Plain, "syncer.{podLabels,podAnnotations}"),
    ),
    (
        "controlPlane.statefulSet.scheduling.nodeSelector",
        Labels,
        Read(Form::Plain, "syncer.nodeSelector"),
    ),
    (
        "controlPlane.statefulSet.scheduling.affinity",
        Object,
        Read(Form::Plain, "syncer.affinity"),
    ),
    (
        "controlPlane.statefulSet.scheduling.tolerations",
        Objects,
        Read(Form::Plain, "syncer.tolerations"),
    ),
    (
        "controlPlane.statefulSet.env",
        Objects,
        Read(Form::Plain, "syncer.env"),
    ),
    (
        "controlPlane.statefulSet.scheduling.priorityClassName",
        Text,
        Read(Form::Plain, "syncer.priorityClassName"),
    ),
    (
        "controlPlane.statefulSet.scheduling.podManagementPolicy",
        Text,
        IDLE,
    ),
    (
        "controlPlane.statefulSet.scheduling.topologySpreadConstraints",
        Any,
        Refuse(ONE_POD),
    ),
    (
        "controlPlane.statefulSet.highAvailability.replicas",
        Whole,
        Only("1", ONE_POD),
    ),
    (
        "controlPlane.statefulSet.highAvailability.{leaseDuration,renewDeadline,retryPeriod}",
        Any,
        IDLE,
    ),
    (
        "controlPlane.statefulSet.{command,args,workingDir,dnsPolicy,dnsConfig}",
        Any,
        Refuse(CONTAINERS),
    ),
    (
        "controlPlane.statefulSet.{security,enableServiceLinks}",
        Any,
        IDLE,
    ),
    (
        "controlPlane.statefulSet.probes.{livenessProbe,readinessProbe,startupProbe}.enabled",
        Bool,
        Only("true", "the probes are part of how the pod starts"),
    ),
    (
        "controlPlane.service.enabled",
        Bool,
        Only("true", "tenants reach their API by it"),
    ),
    (
        "controlPlane.service.spec.type",
        Text,
        Read(Form::Plain, "service.type"),
    ),
    (
        "controlPlane.service.annotations",
        Labels,
        Read(Form::Plain, "syncer.serviceAnnotations"),
    ),
    (
        "controlPlane.service.{labels,kubeletNodePort,httpsNodePort,spec.{externalIPs,externalTrafficPolicy,internalTrafficPolicy,loadBalancerIP,loadBalancerSourceRanges,loadBalancerClass,clusterIP,ipFamilies,ipFamilyPolicy,sessionAffinity,ports,selector}}",
        Any,
        Refuse(SERVICE),
    ),
    (
        "controlPlane.coredns.enabled",
        Bool,
        Read(Form::Plain, "coredns.enabled"),
    ),
    (
        "controlPlane.coredns.deployment.image",
        Text,
        Read(Form::Plain, "coredns.image"),
    ),
    (
        "controlPlane.coredns.deployment.replicas",
        Whole,
        Read(Form::Plain, "coredns.replicas"),
    ),
    (
        "controlPlane.coredns.deployment.resources",
        Object,
        Read(Form::Plain, "coredns.resources"),
    ),
    (
        "controlPlane.coredns.{embedded,overwriteManifests,overwriteConfig,priorityClassName,service.{annotations,labels},deployment.{annotations,labels,pods,nodeSelector,affinity,tolerations}}",
        Any,
        Refuse(DNS),
    ),
    (
        "controlPlane.coredns.service.spec.type",
        Text,
        Only("ClusterIP", DNS),
    ),
    (
        "controlPlane.coredns.deployment.topologySpreadConstraints",
        Any,
        IDLE,
    ),
    ("controlPlane.proxy.{bindAddress,port}", Any, IDLE),
    (
        "controlPlane.proxy.extraSANs",
        Texts,
        Read(Form::Plain, "access.extraSANs"),
    ),
    (
        "controlPlane.{ingress.enabled,serviceMonitor.enabled,hostPathMapper.{enabled,central}}",
        Any,
        Refuse(NOT_DONE),
    ),
    (
        "controlPlane.ingress.{host,pathType,labels,annotations,spec}",
        Any,
        IDLE,
    ),
    ("controlPlane.serviceMonitor.{labels,annotations}", Any, IDLE),
];
