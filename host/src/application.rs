//! The application as it will run: manifest, values and components, all checked before anything listens.

use crate::allowed_hosts::{AllowedHosts, NotAnOrigin};
use crate::cli::Options;
use crate::compose::{ComposeError, compose};
use crate::engine::{Grant, Instances, engine, prepare};
use crate::interfaces::sqlite;
use crate::manifest::{Component, Manifest, Route};
use crate::outbound_http::{Internal, OutboundHttp, client};
use crate::routes::Routes;
use crate::template::{TemplateError, resolve};
use crate::variables::{VariableProblems, decide};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use wasmtime_wasi_http::handler::ProxyHandler;

/// How instances are used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) reuse: usize,
    pub(crate) concurrent_reuse: usize,
    pub(crate) idle_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) max_busy: Duration,
}

impl Limits {
    fn of(options: &Options) -> Self {
        Self {
            reuse: options.max_instance_reuse_count,
            concurrent_reuse: options.max_instance_concurrent_reuse_count,
            idle_timeout: options.idle_instance_timeout,
            request_timeout: options.request_timeout,
            max_busy: options.max_busy,
        }
    }
}

/// Everything that runs.
pub(crate) struct Application {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) routes: Routes,
    pub(crate) handlers: BTreeMap<String, ProxyHandler<Instances>>,
}

/// Why it cannot run. Each message says what to change.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("{path} cannot be read: {cause}")]
    Unreadable { path: PathBuf, cause: std::io::Error },
    #[error("{path}: {cause}")]
    Syntax { path: PathBuf, cause: Box<toml::de::Error> },
    #[error(".env has a line that is not NAME=value")]
    DotEnv,
    #[error("spin_manifest_version must be 2")]
    Version,
    #[error("a route names the component {0:?}, which the manifest does not have")]
    NoSuchComponent(String),
    #[error("component {0}: a route is a path, or {{ private = true }}")]
    NoRoute(String),
    #[error("component {component}: the {kind} {name:?} is neither \"default\" nor in the runtime configuration")]
    NoSuchStore { component: String, kind: &'static str, name: String },
    #[error(transparent)]
    Variables(#[from] VariableProblems),
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    AllowedHosts(#[from] NotAnOrigin),
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("the database {path} cannot be used: {cause}")]
    Database { path: PathBuf, cause: rusqlite::Error },
    #[error("{what}: {cause:#}")]
    Wasm { what: String, cause: wasmtime::Error },
}

/// The runtime configuration file, as far as this host goes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeConfig {
    #[serde(default)]
    sqlite_database: BTreeMap<String, StoreFile>,
    #[serde(default)]
    key_value_store: BTreeMap<String, StoreFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreFile {
    #[serde(rename = "type")]
    _kind: SpinKind,
    path: PathBuf,
}

/// `type = "spin"`: a file. Spin's other kinds are not supported.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SpinKind {
    Spin,
}

impl Application {
    /// Reads, checks, composes and compiles.
    pub(crate) fn load(options: &Options) -> Result<Self, LoadError> {
        let manifest: Manifest = parse(&options.manifest)?;
        if manifest.spin_manifest_version != 2 {
            return Err(LoadError::Version);
        }
        let folder = options.manifest.parent().unwrap_or(Path::new("")).to_owned();
        let environment = environment()?;
        let values = decide(&manifest.variables, &options.variables, |name| environment.get(name).cloned())?;
        let state = options.state_dir.clone().unwrap_or_else(|| folder.join(".spin"));
        let files = Files::find(options, &folder, &state)?;
        let wasm = |what: &str| {
            let what = what.to_owned();
            move |cause| LoadError::Wasm { what, cause }
        };
        // A folder of its own: wasmtime removes from it whatever it does not know.
        let compiled = options.compiled_dir.as_ref().unwrap_or(&state).join("compiled");
        let cache =
            std::path::absolute(compiled).map_err(|cause| LoadError::Unreadable { path: state.clone(), cause })?;
        let engine = engine(&cache).map_err(wasm("the wasm engine"))?;
        let client = client();
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
                Route::Path(route) => application.routes.add(route, id),
                // Only for other components, at http://<component>.spin.internal.
                Route::Private { private: true } => {}
                Route::Private { private: false } => return Err(LoadError::NoRoute(id.clone())),
            }
            if !application.handlers.contains_key(id) {
                let http = |allowed| OutboundHttp::new(client.clone(), allowed, internal.clone());
                let grant = Arc::new(grant(id, component, &values, &files, http)?);
                let bytes = compose(id, &manifest.component, &folder)?;
                let pre = prepare(&engine, &bytes).map_err(wasm(&format!("component {id}")))?;
                let instances = Instances { engine: engine.clone(), pre, grant, limits: Limits::of(options) };
                application.handlers.insert(id.clone(), ProxyHandler::new(instances));
            }
        }
        internal.connect(application.handlers.clone());
        Ok(application)
    }
}

fn grant(
    id: &str,
    component: &Component,
    values: &BTreeMap<String, String>,
    files: &Files,
    http: impl FnOnce(AllowedHosts) -> OutboundHttp,
) -> Result<Grant, LoadError> {
    let hosts: Vec<String> =
        component.allowed_outbound_hosts.iter().map(|entry| resolve(entry, values)).collect::<Result<_, _>>()?;
    let variables = component.variables.iter();
    let variables = variables.map(|(name, template)| Ok((name.clone(), resolve(template, values)?)));
    let own = |kind: &'static str, names: &[String], all: &BTreeMap<String, PathBuf>| {
        let file = |name: &String| {
            let missing = || LoadError::NoSuchStore { component: id.to_owned(), kind, name: name.clone() };
            Ok((name.clone(), all.get(name).cloned().ok_or_else(missing)?))
        };
        names.iter().map(file).collect::<Result<_, LoadError>>()
    };
    Ok(Grant {
        id: id.to_owned(),
        variables: variables.collect::<Result<_, TemplateError>>()?,
        http: http(AllowedHosts::parse(&hosts)?),
        databases: own("SQLite database", &component.sqlite_databases, &files.databases)?,
        stores: own("key-value store", &component.key_value_stores, &files.stores)?,
    })
}

/// Where databases and stores are, by their names.
struct Files {
    databases: BTreeMap<String, PathBuf>,
    stores: BTreeMap<String, PathBuf>,
}

impl Files {
    /// Finds them all, and prepares the default database with the SQL of the command line.
    fn find(options: &Options, folder: &Path, state: &Path) -> Result<Self, LoadError> {
        let configured: RuntimeConfig = match &options.runtime_config_file {
            Some(path) => parse(path)?,
            None => RuntimeConfig::default(),
        };
        let named = |files: BTreeMap<String, StoreFile>, default: &str| {
            let files = files.into_iter().map(|(name, file)| (name, folder.join(file.path)));
            let mut files: BTreeMap<_, _> = files.collect();
            files.entry("default".to_owned()).or_insert_with(|| state.join(default));
            files
        };
        let databases = named(configured.sqlite_database, "sqlite_db.db");
        let stores = named(configured.key_value_store, "sqlite_key_value.db");
        for path in databases.values().chain(stores.values()).filter_map(|path| path.parent()) {
            std::fs::create_dir_all(path).map_err(|cause| LoadError::Unreadable { path: path.to_owned(), cause })?;
        }
        if let Some(default) = databases.get("default") {
            run_scripts(&options.sqlite, default)?;
        }
        Ok(Self { databases, stores })
    }
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

/// The environment, and under it what a file `.env` here says, as with Spin.
fn environment() -> Result<BTreeMap<String, String>, LoadError> {
    let mut values = BTreeMap::new();
    if let Ok(file) = dotenvy::from_path_iter(".env") {
        for pair in file {
            // The error itself would show the line, which may hold a secret.
            let (name, value) = pair.map_err(|_| LoadError::DotEnv)?;
            values.insert(name, value);
        }
    }
    values.extend(
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
    );
    Ok(values)
}

fn read(path: &Path) -> Result<String, LoadError> {
    std::fs::read_to_string(path).map_err(|cause| LoadError::Unreadable { path: path.to_owned(), cause })
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, LoadError> {
    toml::from_str(&read(path)?).map_err(|cause| LoadError::Syntax { path: path.to_owned(), cause: Box::new(cause) })
}
