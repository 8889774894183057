"""The noise stream: reproducible, never the same twice, resumable in the middle of a run."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from skqmu.backends import NoiseStream


def _key(sequence):
    return tuple(sequence.generate_state(4))


def test_a_sequence_of_draws_is_reproducible_and_has_no_repeats():
    first, second = NoiseStream(3), NoiseStream(3)
    draws = [_key(first.draw()) for _ in range(100)]
    assert draws == [_key(second.draw()) for _ in range(100)]
    assert len(set(draws)) == 100


def test_other_seeds_and_other_salts_are_other_noise():
    keys = {_key(NoiseStream(seed).draw(salt)) for seed in range(5) for salt in (None, 0, 1)}
    assert len(keys) == 15


def test_a_resumed_step_draws_what_the_undisturbed_run_drew():
    whole = NoiseStream(0)
    whole.begin_run()
    steps = {}
    for epoch in range(3):
        for step in range(1, 3):
            whole.at(epoch, step)
            steps[epoch, step] = [_key(whole.draw()) for _ in range(2)]
    resumed = NoiseStream(0)
    resumed.begin_run()
    resumed.at(2, 1)
    assert [_key(resumed.draw()) for _ in range(2)] == steps[2, 1]


def test_no_run_repeats_another_or_the_calls_between():
    stream = NoiseStream(0)
    seen = []
    for _ in range(3):
        stream.begin_run()
        stream.at(0, 1)
        seen.append(_key(stream.draw()))
        stream.end_run()
        seen.append(_key(stream.draw()))
    assert len(set(seen)) == 6


def test_going_to_the_step_one_is_at_does_not_begin_it_again():
    stream = NoiseStream(0)
    stream.begin_run()
    stream.at(0, 1)
    first = _key(stream.draw())
    stream.at(0, 1)
    assert _key(stream.draw()) != first


def test_a_pickle_goes_on_where_the_stream_was():
    stream = NoiseStream(0)
    stream.draw()
    copy = pickle.loads(pickle.dumps(stream))
    assert _key(copy.draw()) == _key(stream.draw())


def test_children_share_no_noise_with_their_parent_or_each_other():
    stream = NoiseStream(0)
    children = [stream.spawn(), stream.spawn(), stream.spawn().spawn()]
    keys = {_key(s.draw()) for s in [stream, *children] for _ in range(10)}
    assert len(keys) == 40


def test_what_is_lent_goes_on_from_here_and_draws_the_same_when_it_is_lent_again():
    stream, undisturbed = NoiseStream(0), NoiseStream(0)
    expected = [_key(undisturbed.draw()) for _ in range(6)]
    assert _key(stream.draw()) == expected[0]
    failed = stream.lend()
    assert [_key(failed.draw()) for _ in range(3)] == expected[1:4]
    stream.take_back()
    again = stream.lend()
    assert [_key(again.draw()) for _ in range(3)] == expected[1:4]
    # the work has succeeded: the lent stream takes the place of the first
    assert _key(again.draw()) == expected[4]


def test_draws_and_children_beside_a_lent_stream_are_nobody_elses():
    stream, keys = NoiseStream(0), []
    for succeeds in (False, True, False, False, True):
        lent = stream.lend()
        lent.begin_run()
        lent.at(0, 1)
        beside = (stream, lent, stream.spawn(), stream.spawn(), stream, lent)
        keys += [(each is lent and not succeeds, _key(each.draw())) for each in beside]
        lent.end_run()
        if succeeds:
            late, stream = stream, lent  # somebody still predicts with the old state
            keys.append((False, _key(late.draw())))
        else:
            stream.take_back()
        keys += [(False, _key(s.draw())) for s in (stream, stream.spawn())]
    used = [key for dropped, key in keys if not dropped]
    assert len(set(used)) == len(used)


def test_a_stream_that_was_lent_and_taken_back_is_as_it_was():
    stream = NoiseStream(3)
    before = vars(copy.deepcopy(stream))
    stream.lend().draw()
    stream.take_back()
    assert vars(stream) == before


def test_a_pickle_of_a_lent_stream_is_lent_to_nobody():
    stream = NoiseStream(0)
    lent = stream.lend()
    assert _key(pickle.loads(pickle.dumps(stream)).draw()) == _key(lent.draw())


def test_threads_that_share_a_stream_share_no_noise():
    stream = NoiseStream(0)
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: _key(stream.draw()), range(400)))
    assert len(set(keys)) == 400


def test_steps_are_places_within_a_run():
    with pytest.raises(RuntimeError, match="begin_run"):
        NoiseStream(0).at(0, 1)
