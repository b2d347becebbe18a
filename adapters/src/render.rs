//! Rendering a template's files for a component.
//!
//! Paths and texts are Jinja (minijinja). A variable that is not there is an error, never an empty string. A file whose
//! path uses `environment` is rendered once for each environment of the component.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment as Engine, ErrorKind, UndefinedBehavior, Value, context};
use opstella_domain::naming::KubernetesName;
use opstella_domain::operation::ComponentValues;
use opstella_domain::template::TemplateFiles;
use opstella_domain::{Environment, EnvironmentSet, InvalidValue, ServiceKey};
use thiserror::Error;

/// Most instructions that one text may take: an endless loop in a template ends here.
const FUEL: u64 = 200_000;

/// Why a template does not render.
#[derive(Debug, Error)]
pub enum RenderError {
    /// A mistake in a path or a text.
    #[error("{file}{at}: {reason}")]
    Broken {
        /// In which file, as the template calls it.
        file: String,
        /// In which line: `:7`; empty where unknown.
        at: String,
        /// What is wrong.
        reason: String,
    },
    /// Two files that come to the same path.
    #[error("{file}: another file of the template is rendered to `{path}` as well")]
    Twice {
        /// Which file.
        file: String,
        /// The path.
        path: String,
    },
    /// The template engine refuses our own settings.
    #[error("the template engine: {0}")]
    Engine(#[source] minijinja::Error),
    /// Results that a repository or the journal cannot hold.
    #[error("the rendered files: {0}")]
    Files(#[from] InvalidValue),
}

/// Renders a template for a component: all files, or only those of one environment.
///
/// # Errors
/// [`RenderError`], with the file and line at fault.
pub fn files(
    template: &TemplateFiles,
    values: &ComponentValues,
    only: Option<Environment>,
) -> Result<TemplateFiles, RenderError> {
    let engine = engine()?;
    let mut rendered = BTreeMap::new();
    for (path, text) in template.iter() {
        let of_environment = uses_environment(&engine, path)?;
        let environments: Vec<Option<Environment>> = match (of_environment, only) {
            (true, Some(only)) => vec![Some(only)],
            (true, None) => values.environments.iter().map(Some).collect(),
            (false, Some(_)) => vec![],
            (false, None) => vec![None],
        };
        for environment in environments {
            let variables = variables(values, environment);
            let to = render(&engine, path, path, &variables)?;
            let text = render(&engine, path, text, &variables)?;
            if rendered.insert(to.clone(), text).is_some() {
                return Err(RenderError::Twice {
                    file: path.to_owned(),
                    path: to,
                });
            }
        }
    }
    if rendered.is_empty() {
        // A template without overlays has nothing for an environment that is added later.
        return Err(RenderError::Broken {
            file: "deploy/{{ environment }}/".to_owned(),
            at: String::new(),
            reason: "the template has no file whose path uses `environment`".to_owned(),
        });
    }
    Ok(rendered.try_into()?)
}

/// Whether a template renders, tried with values of no real component.
///
/// # Errors
/// [`RenderError`], with the file and line at fault.
pub fn check(template: &TemplateFiles) -> Result<(), RenderError> {
    files(template, &example()?, None).map(drop)
}

fn engine() -> Result<Engine<'static>, RenderError> {
    let mut engine = Engine::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_syntax(
        SyntaxConfig::builder()
            .keep_trailing_newline(true)
            .build()
            .map_err(RenderError::Engine)?,
    );
    // Files are what their authors wrote: nothing is HTML or JSON by its name alone.
    engine.set_auto_escape_callback(|_| AutoEscape::None);
    engine.set_fuel(Some(FUEL));
    Ok(engine)
}

fn uses_environment(engine: &Engine<'_>, path: &str) -> Result<bool, RenderError> {
    let parsed = engine
        .template_from_str(path)
        .map_err(|error| broken(path, &error))?;
    let used = parsed.undeclared_variables(false);
    Ok(used.contains("environment") || used.contains("namespace"))
}

fn variables(values: &ComponentValues, environment: Option<Environment>) -> Value {
    let environments: Vec<&str> = values.environments.iter().map(Environment::slug).collect();
    let common = context! {
        project => values.project.as_str(),
        service => values.service.as_str(),
        component => values.component.as_str(),
        environments,
        image => &values.image,
        quality_key => values.quality_key.as_str(),
        sonarqube_url => &values.sonarqube_url,
        opstella_url => &values.opstella_url,
    };
    let Some(environment) = environment else {
        return common;
    };
    let key = ServiceKey {
        project: values.project.clone(),
        service: values.service.clone(),
    };
    let namespace = KubernetesName::namespace(&key, environment);
    context! { environment => environment.slug(), namespace => namespace.as_str(), ..common }
}

fn render(engine: &Engine<'_>, file: &str, text: &str, variables: &Value) -> Result<String, RenderError> {
    let template = engine
        .template_from_str(text)
        .map_err(|error| broken(file, &error))?;
    template.render(variables).map_err(|error| broken(file, &error))
}

fn broken(file: &str, error: &minijinja::Error) -> RenderError {
    let reason = match error.kind() {
        ErrorKind::OutOfFuel => format!("takes more than {FUEL} instructions; is there an endless loop?"),
        ErrorKind::UndefinedError => format!(
            "uses a variable that is not there ({}); there are project, service, component, environments, image, \
             quality_key, sonarqube_url, opstella_url, and where the path uses `environment`: environment, namespace",
            error.detail().unwrap_or("undefined value")
        ),
        kind => match error.detail() {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind.to_string(),
        },
    };
    RenderError::Broken {
        file: file.to_owned(),
        at: error.line().map(|line| format!(":{line}")).unwrap_or_default(),
        reason,
    }
}

fn example() -> Result<ComponentValues, InvalidValue> {
    let key = ServiceKey {
        project: "example-project".parse()?,
        service: "example-service".parse()?,
    };
    let component = "example".parse()?;
    Ok(ComponentValues {
        quality_key: opstella_domain::naming::QualityKey::of(&key, &component),
        project: key.project,
        service: key.service,
        component,
        environments: EnvironmentSet::all(),
        image: "registry.example/example-project_example-service/example".to_owned(),
        sonarqube_url: "https://sonarqube.example".to_owned(),
        opstella_url: "https://opstella.example".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(files: &[(&str, &str)]) -> TemplateFiles {
        let files: BTreeMap<String, String> = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect();
        files.try_into().unwrap()
    }

    fn rendered(files: &[(&str, &str)], only: Option<Environment>) -> Vec<(String, String)> {
        let files = super::files(&template(files), &example().unwrap(), only).unwrap();
        files
            .iter()
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .collect()
    }

    fn refused(files: &[(&str, &str)]) -> String {
        check(&template(files)).unwrap_err().to_string()
    }

    #[test]
    fn a_file_of_an_environment_is_rendered_for_each() {
        let files = [
            ("README.md", "{{ component }}\n"),
            ("deploy/{{ environment }}/k.yaml", "{{ namespace }}"),
        ];
        let all = rendered(&files, None);
        assert_eq!(all.len(), 6);
        assert_eq!(all[0], ("README.md".to_owned(), "example\n".to_owned()));
        let one = rendered(&files, Some(Environment::Uat));
        let expected = (
            "deploy/uat/k.yaml".to_owned(),
            "example-project--example-service--uat".to_owned(),
        );
        assert_eq!(one, [expected]);
    }

    #[test]
    fn nothing_is_escaped_whatever_the_file_is_called() {
        assert_eq!(rendered(&[("a.html", "{{ '<&>' }}")], None)[0].1, "<&>");
        assert_eq!(rendered(&[("a.json", "{{ image }}")], None)[0].1.find('"'), None);
    }

    #[test]
    fn an_unknown_variable_is_refused_with_file_and_line() {
        let text = refused(&[("a.txt", "one\n{{ componnet }}")]);
        assert!(
            text.starts_with("a.txt:2: uses a variable that is not there"),
            "{text}"
        );
        assert!(refused(&[("{{ nobody }}.txt", "")]).starts_with("{{ nobody }}.txt"));
        // An environment exists only where the path has one.
        assert!(refused(&[("a.txt", "{{ environment }}")]).starts_with("a.txt:1"));
    }

    #[test]
    fn mistakes_are_refused() {
        assert!(refused(&[("a.txt", "{% if %}")]).starts_with("a.txt:1: syntax error"));
        let text = refused(&[("{{ service }}", "a"), ("example-service", "b")]);
        assert!(text.contains("another file of the template"), "{text}");
        assert!(refused(&[("a/{{ '../..' }}/b", "")]).contains("relative path"));
    }

    #[test]
    fn an_endless_loop_ends() {
        let text = refused(&[(
            "a.txt",
            "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
        )]);
        assert!(text.contains("endless"), "{text}");
    }

    #[test]
    fn the_templates_that_come_with_opstella_render() {
        let all = crate::builtin::templates().unwrap();
        assert!(!all.is_empty());
        for one in all {
            check(&one.files).unwrap_or_else(|error| panic!("{}: {error}", one.template));
            for environment in EnvironmentSet::all().iter() {
                let overlay = super::files(&one.files, &example().unwrap(), Some(environment)).unwrap();
                let folder = format!("deploy/{}/", environment.slug());
                assert!(
                    overlay.iter().all(|(path, _)| path.starts_with(&folder)),
                    "{}",
                    one.template
                );
            }
        }
    }
}
