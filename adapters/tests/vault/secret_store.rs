//! Vault as the store of generated credentials, on a real OpenBao.

use http::Method;
use opstella_adapters::{SecretFields, SecretStore, SecretVersion};
use opstella_domain::naming::SecretPath;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{Driven, INSTALLATION, elsewhere, of_another, owner, permanent, transient};
use crate::world::{Server, World};

fn fields(pairs: &[(&str, &str)]) -> SecretFields {
    pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
}

async fn read(world: &World, path: &SecretPath) -> Option<Vec<(String, String)>> {
    let kept = world.adapter.read(path).await.unwrap()?;
    let shown = kept.into_iter().map(|(k, v)| (k, v.expose_secret().to_owned()));
    Some(shown.collect())
}

#[tokio::test]
async fn keeps_reads_and_forgets() {
    let world = World::of(&Server::bao().await, "checkout");
    let path = SecretPath::robot(&world.service);
    let (metadata, data) = (format!("secret/metadata/{path}"), format!("secret/data/{path}"));
    assert_eq!(read(&world, &path).await, None);
    world.adapter.delete(&path, &world.owner(1)).await.unwrap();
    let first = [("password", "p\"ä\\\n$x"), ("username", "robot$a+b")];
    world.write(&path, fields(&first), &world.owner(1)).await.unwrap();
    let shown = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Some(pairs.collect::<Vec<_>>())
    };
    assert_eq!(read(&world, &path).await, shown(&first));
    let custom = world.get(&metadata).await["custom_metadata"].clone();
    assert_eq!(custom["owner"], "payments/checkout");
    // Another run renews it; fields that it does not have are gone.
    world
        .write(&path, fields(&[("password", "new")]), &world.owner(2))
        .await
        .unwrap();
    assert_eq!(read(&world, &path).await, shown(&[("password", "new")]));
    // A version that somebody deleted is none; the next one is written on top of it.
    world.call(Method::DELETE, &data, Value::Null).await;
    assert_eq!(read(&world, &path).await, None);
    world
        .write(&path, fields(&[("password", "again")]), &world.owner(3))
        .await
        .unwrap();
    assert_eq!(read(&world, &path).await, shown(&[("password", "again")]));
    for _ in 0..2 {
        world.adapter.delete(&path, &world.owner(1)).await.unwrap();
        assert_eq!(read(&world, &path).await, None);
        assert_eq!(world.get(&metadata).await, Value::Null, "no version is left");
    }
}

#[tokio::test]
async fn what_is_not_the_services_is_neither_overwritten_nor_deleted() {
    let world = World::of(&Server::bao().await, "checkout");
    let path = SecretPath::robot(&world.service);
    let data = format!("secret/data/{path}");
    world
        .post(&data, json!({"data": {"password": "theirs", "port": 5432}}))
        .await;
    let error = world
        .write(&path, fields(&[("password", "ours")]), &world.owner(1))
        .await;
    let text = permanent(&error.unwrap_err());
    assert!(text.contains(path.as_str()), "{text}");
    assert!(!text.contains("theirs") && !text.contains("ours\""), "{text}");
    world.adapter.delete(&path, &world.owner(1)).await.unwrap();
    let there = read(&world, &path).await.unwrap();
    assert_eq!(
        there,
        [
            ("password".into(), "theirs".into()),
            ("port".into(), "5432".into())
        ]
    );
    // Another service of Opstella has it.
    let other = SecretPath::robot(&"payments/ledger".parse().unwrap());
    let books = owner("payments/ledger", 1);
    world
        .write(&other, fields(&[("password", "books")]), &books)
        .await
        .unwrap();
    let error = world
        .write(&other, fields(&[("password", "x")]), &world.owner(1))
        .await;
    permanent(&error.unwrap_err());
    assert_eq!(read(&world, &other).await.unwrap()[0].1, "books");
}

#[tokio::test]
async fn what_another_installation_keeps_is_neither_overwritten_nor_deleted() {
    let world = World::of(&Server::bao().await, "checkout");
    let path = SecretPath::robot(&world.service);
    let (ours, theirs) = (world.owner(1), elsewhere(world.context(1)).owner);
    let kept = fields(&[("password", "theirs")]);
    world.write(&path, kept, &theirs).await.unwrap();
    of_another(&world.adapter.version(&path, &ours).await.unwrap_err());
    let written = world
        .adapter
        .write(&path, fields(&[("password", "ours")]), &ours, SecretVersion(1));
    of_another(&written.await.unwrap_err());
    assert!(!world.adapter.delete(&path, &ours).await.unwrap());
    assert_eq!(read(&world, &path).await.unwrap()[0].1, "theirs");
    assert!(world.adapter.delete(&path, &theirs).await.unwrap());
    assert_eq!(read(&world, &path).await, None);
}

/// The mark was written, and then the process died.
#[tokio::test]
async fn a_marked_path_without_a_version_reads_as_empty_and_is_written() {
    let world = World::of(&Server::bao().await, "checkout");
    world.ensure(&world.secret_path(), 1).await;
    let path = SecretPath::robot(&world.service);
    let custom =
        json!({"managed_by": "opstella", "installation": INSTALLATION, "owner": "payments/checkout"});
    world
        .post(
            &format!("secret/metadata/{path}"),
            json!({ "custom_metadata": custom }),
        )
        .await;
    assert_eq!(read(&world, &path).await, None);
    world
        .write(&path, fields(&[("a", "b")]), &world.owner(1))
        .await
        .unwrap();
    assert_eq!(read(&world, &path).await, Some(vec![("a".into(), "b".into())]));
}

/// Two processes carry the same step out, after a lease was lost: the second one does not overwrite the first.
#[tokio::test]
async fn what_came_in_between_is_not_overwritten() {
    let world = World::of(&Server::bao().await, "checkout");
    let path = SecretPath::robot(&world.service);
    let (mine, owner) = (&world.adapter, world.owner(1));
    for expected in ["first", "renewed"] {
        let version = mine.version(&path, &owner).await.unwrap();
        mine.write(&path, fields(&[("password", expected)]), &owner, version)
            .await
            .unwrap();
        let late = mine.write(&path, fields(&[("password", "late")]), &owner, version);
        transient(&late.await.unwrap_err());
        assert_eq!(
            read(&world, &path).await,
            Some(vec![("password".into(), expected.into())])
        );
    }
}
