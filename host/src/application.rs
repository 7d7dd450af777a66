//! Loads the application: manifest, variables, databases and components are checked before the host
//! listens.

use crate::allowed_hosts::{AllowedHosts, InvalidEntry};
use crate::cli::Options;
use crate::compose::{ComposeError, compose};
use crate::engine::{Instances, Limits, engine, handle, prepare};
use crate::env_file::{self, EnvFileError};
use crate::interfaces::sqlite;
use crate::manifest::{Component, Manifest, Route};
use crate::outbound_http::{Dispatch, Internal, OutboundHttp};
use crate::routes::{Routes, UnsupportedRoute};
use crate::single_use::SingleUse;
use crate::state::Grant;
use crate::template::{TemplateError, resolve};
use crate::variables::{VariableProblems, decide};
use connectivity_tls::{Authorities, TlsError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::handler::ProxyHandler;

/// A loaded application.
pub(crate) struct Application {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) routes: Routes,
    pub(crate) handlers: BTreeMap<String, ProxyHandler<Instances>>,
}

/// Why the application cannot run. Each message says what to change.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("{path} cannot be used: {cause}")]
    Unusable { path: PathBuf, cause: std::io::Error },
    #[error("{path}: {cause}")]
    Syntax { path: PathBuf, cause: Box<toml::de::Error> },
    #[error(transparent)]
    EnvFile(#[from] EnvFileError),
    #[error("spin_manifest_version must be 2")]
    Version,
    #[error("a trigger names the component {0:?}, which the manifest does not declare")]
    NoSuchComponent(String),
    #[error("component {0}: a route must be a path or {{ private = true }}")]
    NoRoute(String),
    #[error(
        "component {component}: the SQLite database {name:?} is neither \"default\" nor in the runtime configuration"
    )]
    NoSuchDatabase { component: String, name: String },
    #[error(transparent)]
    Route(#[from] UnsupportedRoute),
    #[error(transparent)]
    Variables(#[from] VariableProblems),
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    AllowedHosts(#[from] InvalidEntry),
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("the certification authorities: {0}")]
    Tls(#[from] TlsError),
    #[error("the database {path} cannot be used: {cause}")]
    Database { path: PathBuf, cause: rusqlite::Error },
    #[error("{what}: {cause:#}")]
    Wasm { what: String, cause: wasmtime::Error },
}

/// The subset of Spin's runtime configuration file that this host supports. Any other key is
/// rejected by name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeConfig {
    #[serde(default)]
    sqlite_database: BTreeMap<String, DatabaseFile>,
    #[serde(default, rename = "log_dir")]
    _log_dir: Option<NoFolder>,
}

/// `log_dir = ""`: the components' logs go to the output only, as they always do here.
#[derive(Debug, Deserialize)]
enum NoFolder {
    #[serde(rename = "")]
    Empty,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DatabaseFile {
    #[serde(rename = "type")]
    _kind: SpinKind,
    path: PathBuf,
}

/// `type = "spin"`: a file. No other kind is supported.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SpinKind {
    Spin,
}

impl Application {
    /// Reads the manifest, checks it, and composes and compiles the components that it gives a
    /// route.
    pub(crate) fn load(options: &Options) -> Result<Self, LoadError> {
        let manifest: Manifest = parse(&options.manifest)?;
        if manifest.spin_manifest_version != 2 {
            return Err(LoadError::Version);
        }
        let folder = options.manifest.parent().unwrap_or(Path::new("")).to_owned();
        let environment = environment()?;
        let values = decide(&manifest.variables, &options.variables, |name| environment.get(name).cloned())?;
        let state = options.state_dir.clone().unwrap_or_else(|| folder.join(".spin"));
        let databases = databases(options, &folder, &state)?;
        let wasm = |what: &str| {
            let what = what.to_owned();
            move |cause| LoadError::Wasm { what, cause }
        };
        // The cache needs a folder of its own: wasmtime deletes unknown files in it.
        let compiled = options.compiled_dir.as_ref().unwrap_or(&state).join("compiled");
        let cache =
            std::path::absolute(compiled).map_err(|cause| LoadError::Unusable { path: state.clone(), cause })?;
        let engine = engine(&cache).map_err(wasm("the wasm engine"))?;
        let authorities = Arc::new(Authorities::from_environment()?);
        let client = SingleUse::new(authorities.client_config(None)?);
        let internal = Internal::default();
        let mut application = Self {
            name: manifest.application.name,
            version: manifest.application.version,
            routes: Routes::default(),
            handlers: BTreeMap::new(),
        };
        for trigger in &manifest.trigger.http {
            let id = &trigger.component;
            let component = manifest.component.get(id).ok_or_else(|| LoadError::NoSuchComponent(id.clone()))?;
            match &trigger.route {
                Route::Path(route) => application.routes.add(route, id)?,
                // Other components reach it at http://<component>.spin.internal.
                Route::Private { private: true } => {}
                Route::Private { private: false } => return Err(LoadError::NoRoute(id.clone())),
            }
            if !application.handlers.contains_key(id) {
                let http = |allowed| OutboundHttp::new(client.clone(), allowed, internal.clone());
                let grant = Arc::new(grant(id, component, &values, &databases, &authorities, http)?);
                let bytes = compose(id, &manifest.component, &folder)?;
                let pre = prepare(&engine, &bytes).map_err(wasm(&format!("component {id}")))?;
                let instances = Instances::new(engine.clone(), pre, grant, limits(options));
                application.handlers.insert(id.clone(), ProxyHandler::new(instances));
            }
        }
        internal.connect(application.handlers.iter().map(|(id, handler)| (id.clone(), dispatcher(handler))).collect());
        Ok(application)
    }
}

/// Returns a function that has this component answer a request from another one.
fn dispatcher(handler: &ProxyHandler<Instances>) -> Dispatch {
    let handler = handler.clone();
    Arc::new(move |request| {
        let handler = handler.clone();
        Box::pin(async move { handle(&handler, request).await.map_err(|_| Error::ConnectionTerminated) })
    })
}

fn limits(options: &Options) -> Limits {
    Limits {
        reuse: options.max_instance_reuse_count,
        concurrent_reuse: options.max_instance_concurrent_reuse_count,
        idle_timeout: options.idle_instance_timeout,
        request_timeout: options.request_timeout,
        max_busy: options.max_busy,
        instances: options.max_instances,
    }
}

fn grant(
    id: &str,
    component: &Component,
    values: &BTreeMap<String, String>,
    databases: &BTreeMap<String, PathBuf>,
    authorities: &Arc<Authorities>,
    http: impl FnOnce(AllowedHosts) -> OutboundHttp,
) -> Result<Grant, LoadError> {
    let hosts: Vec<String> =
        component.allowed_outbound_hosts.iter().map(|entry| resolve(entry, values)).collect::<Result<_, _>>()?;
    let variables = component.variables.iter();
    let variables = variables.map(|(name, template)| Ok((name.clone(), resolve(template, values)?)));
    let databases = component.sqlite_databases.iter().map(|name| {
        let missing = || LoadError::NoSuchDatabase { component: id.to_owned(), name: name.clone() };
        Ok((name.clone(), databases.get(name).cloned().ok_or_else(missing)?))
    });
    Ok(Grant {
        id: id.to_owned(),
        variables: variables.collect::<Result<_, TemplateError>>()?,
        http: http(AllowedHosts::parse(&hosts)?),
        databases: databases.collect::<Result<_, LoadError>>()?,
        authorities: Arc::clone(authorities),
    })
}

/// Returns the file of each SQLite database by name, after running the SQL of the command line on
/// the default one.
fn databases(options: &Options, folder: &Path, state: &Path) -> Result<BTreeMap<String, PathBuf>, LoadError> {
    let config: RuntimeConfig = match &options.runtime_config_file {
        Some(path) => parse(path)?,
        None => RuntimeConfig::default(),
    };
    let configured = config.sqlite_database.into_iter().map(|(name, file)| (name, folder.join(file.path)));
    let mut databases: BTreeMap<_, _> = configured.collect();
    let default = databases.entry("default".to_owned()).or_insert_with(|| state.join("sqlite_db.db")).clone();
    for path in databases.values() {
        create_private(path).map_err(|cause| LoadError::Unusable { path: path.clone(), cause })?;
    }
    run_scripts(&options.sqlite, &default)?;
    Ok(databases)
}

/// Creates a database file that only the account of this process may read, unless it exists. SQLite
/// gives the files beside it the same mode.
fn create_private(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}

fn run_scripts(scripts: &[String], database: &Path) -> Result<(), LoadError> {
    let failed = |cause| LoadError::Database { path: database.to_owned(), cause };
    let connection = sqlite::open_file(database).map_err(failed)?;
    for sql in scripts {
        let text = match sql.strip_prefix('@') {
            Some(path) => read(Path::new(path))?,
            None => sql.clone(),
        };
        connection.execute_batch(&text).map_err(failed)?;
    }
    Ok(())
}

/// Returns the environment and, for names that it lacks, the values of the file `.env` in the
/// current folder.
fn environment() -> Result<BTreeMap<String, String>, LoadError> {
    let mut values = env_file::read(Path::new(".env"))?;
    values.extend(
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
    );
    Ok(values)
}

fn read(path: &Path) -> Result<String, LoadError> {
    std::fs::read_to_string(path).map_err(|cause| LoadError::Unusable { path: path.to_owned(), cause })
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, LoadError> {
    toml::from_str(&read(path)?).map_err(|cause| LoadError::Syntax { path: path.to_owned(), cause: Box::new(cause) })
}
