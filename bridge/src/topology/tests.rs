use super::queue::{CLASSIC, DEAD_LETTER_EXCHANGE};
use super::*;

fn topology(request_queue_type: &'static str, queue_type: &'static str) -> Topology {
    let delays = [1, 5, 30].map(Duration::from_secs).to_vec();
    let (exchange, queue, routing_key) = ("x".into(), "q".into(), "k".into());
    Topology { exchange, queue, routing_key, result_queue: None, request_queue_type, queue_type, delays }
}

fn text(text: &str) -> Argument {
    Argument::Text(text.to_owned())
}

/// The arguments with which a queue is declared first.
fn created(queue: &Queue) -> &Arguments {
    &queue.declarations[0].arguments
}

fn origins(queue: &Queue) -> Vec<Origin> {
    queue.declarations.iter().map(|declaration| declaration.origin).collect()
}

#[test]
fn delays_grow_with_the_attempts_up_to_the_longest() {
    let topology = topology(PLAIN, QUORUM);
    for (attempts, seconds) in [(0, 1), (1, 5), (2, 30), (3, 30), (u32::MAX, 30)] {
        assert_eq!(topology.delay(attempts), Duration::from_secs(seconds), "{attempts}");
    }
}

#[test]
fn delay_queue_is_the_first_that_is_long_enough_or_the_longest() {
    let topology = topology(PLAIN, QUORUM);
    for (seconds, name) in
        [(0, "q.delay.1000ms"), (1, "q.delay.1000ms"), (2, "q.delay.5000ms"), (99, "q.delay.30000ms")]
    {
        assert_eq!(topology.delay_queue(Duration::from_secs(seconds)), name);
    }
}

#[test]
fn queue_of_requests_has_no_arguments_and_is_used_as_earlier_releases_declared_it() {
    let queue = topology(PLAIN, QUORUM).queues().remove(0);
    assert_eq!((queue.name.as_str(), created(&queue)), ("q", &Vec::new()));
    assert_eq!(origins(&queue), [&[Origin::Own][..], &[Origin::Earlier; 4]].concat());
    let earlier: Vec<_> = queue.declarations[1..].iter().map(|it| it.arguments[..3].to_vec()).collect();
    let expected = [(QUORUM, "q.removed"), (QUORUM, "q.dead"), (CLASSIC, "q.removed"), (CLASSIC, "q.dead")];
    let expected = expected.map(|(kind, target)| {
        let target = ("x-dead-letter-routing-key", text(target));
        vec![type_argument(kind), (DEAD_LETTER_EXCHANGE, text("")), target]
    });
    assert_eq!(earlier, expected);
    let moves: Vec<_> = queue.declarations.iter().map(Declaration::moves_rejected).collect();
    assert_eq!(moves, [false, true, true, true, true]);
}

#[test]
fn quorum_queues_dead_letter_at_least_once() {
    let queues = topology(QUORUM, QUORUM).queues();
    let names: Vec<_> = queues.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(names, ["q", "q.removed", "q.delay.1000ms", "q.delay.5000ms", "q.delay.30000ms", "q.dead"]);
    assert_eq!(
        *created(&queues[0]),
        [
            ("x-queue-type", text("quorum")),
            ("x-dead-letter-exchange", text("")),
            ("x-dead-letter-routing-key", text("q.removed")),
            ("x-dead-letter-strategy", text("at-least-once")),
            ("x-overflow", text("reject-publish")),
            ("x-delivery-limit", Argument::Number(100)),
        ]
    );
    assert_eq!(created(&queues[1])[2], ("x-dead-letter-routing-key", text("q.dead")));
    assert_eq!(created(&queues[2])[2], ("x-dead-letter-routing-key", text("q")));
    assert_eq!(created(&queues[2])[5], ("x-message-ttl", Argument::Number(1_000)));
    assert_eq!(*created(&queues[5]), [("x-queue-type", text("quorum"))]);
}

#[test]
fn classic_queues_have_no_arguments_of_quorum_queues() {
    let queues = topology(CLASSIC, CLASSIC).queues();
    let names = |queue: &Queue| created(queue).iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let common = ["x-queue-type", "x-dead-letter-exchange", "x-dead-letter-routing-key"];
    assert_eq!(names(&queues[0]), common);
    assert_eq!(names(&queues[1]), common);
    assert_eq!(names(&queues[2]), [&common[..], &["x-message-ttl"]].concat());
}

#[test]
fn arguments_of_the_other_type_and_none_lose_no_message_either() {
    let (quorum, classic) = (topology(QUORUM, QUORUM).queues(), topology(CLASSIC, CLASSIC).queues());
    for (quorum, classic) in quorum.iter().zip(&classic).skip(1) {
        assert_eq!(origins(quorum), [Origin::Own, Origin::Foreign]);
        assert_eq!(quorum.declarations[1].arguments, *created(classic));
        assert_eq!(classic.declarations[1].arguments, *created(quorum));
    }
    let expected = [Origin::Own, Origin::Own, Origin::Foreign, Origin::Foreign, Origin::Foreign];
    assert_eq!(origins(&quorum[0]), expected);
    assert_eq!(quorum[0].declarations[4].arguments, super::classic());
}

#[test]
fn results_have_a_queue_of_their_own_if_one_is_set() {
    let with_results = Topology { result_queue: Some("r".into()), ..topology(PLAIN, QUORUM) };
    assert_eq!(with_results.queues().last(), Some(&Queue::plain("r")));
}

#[test]
fn advice_is_a_command() {
    let mut topology = topology(PLAIN, QUORUM);
    topology.queue = "a.b".into();
    let advice = topology.advice("a.b", "/");
    let command = "rabbitmqctl set_policy -p '/' --apply-to queues 'a.b' '^a\\.b$' \
        '{\"dead-letter-exchange\":\"\",\"dead-letter-routing-key\":\"a.b.removed\",\
        \"dead-letter-strategy\":\"at-least-once\",\"delivery-limit\":100,\"overflow\":\"reject-publish\"}'";
    assert!(advice.ends_with(command), "{advice}");
    assert!(
        topology.advice("a.b.dead", "/").ends_with("delete it while it is empty, and the bridge declares it again")
    );
}
