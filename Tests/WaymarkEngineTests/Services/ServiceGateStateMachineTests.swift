import Testing
import Waymark

@testable import WaymarkEngine

@Suite struct ServiceGateStateMachineTests {
    typealias Machine = ServiceGateStateMachine
    typealias Action = ServiceGateStateMachine.Action
    private let start = ContinuousClock.now

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    private func saturated(_ id: Int, after earliest: Double = 1) -> Action {
        .refuse(id, .saturated, earliest: .seconds(earliest), spread: .seconds(1))
    }

    /// Enters callers with a timeout of 2 s, all at the same time.
    private func enter(_ ids: ClosedRange<Int>, at time: Double = 0, _ machine: inout Machine) -> [Action] {
        ids.flatMap { machine.enter($0, timeout: .seconds(2), now: at(time)) }
    }

    @Test func withoutLimitsEverybodyIsAdmitted() {
        var machine = Machine(ForeignService("s"))
        #expect(enter(1...2_000, &machine) == (1...2_000).map { .admit($0) })
        #expect(machine.leave(1, .failure, now: start) == [])
        #expect(machine.inside.count == 1_999)
    }

    @Test func slotsGoRoundInOrderOfArrival() {
        var machine = Machine(ForeignService("s", maxConcurrent: 2))
        #expect(enter(1...4, &machine) == [.admit(1), .admit(2), .setTimer(at(2))])
        #expect(machine.leave(2, .success, now: at(1)) == [.admit(3)])
        #expect(machine.leave(2, .success, now: at(1)) == [], "leaving again does nothing")
        #expect(enter(5...5, at: 1, &machine) == [])
        #expect(machine.leave(1, .neither, now: at(1)) == [.admit(4)])
        #expect(machine.leave(3, .failure, now: at(1)) == [.admit(5)])
        #expect(machine.inside.count == 2 && machine.waiters.isEmpty)
    }

    @Test func whoeverWaitsTooLongIsRefused() {
        var machine = Machine(ForeignService("s", maxConcurrent: 1))
        _ = enter(1...2, &machine)
        #expect(machine.enter(3, timeout: .seconds(9), now: start) == [])
        #expect(machine.enter(4, timeout: .seconds(1), now: start) == [.setTimer(at(1))])
        #expect(machine.wake(now: at(1)) == [saturated(4), .setTimer(at(2))])
        #expect(machine.wake(now: at(2)) == [saturated(2), .setTimer(at(9))])
        #expect(machine.wake(now: at(2)) == [], "the timer that was replaced rings all the same")
        #expect(machine.leave(1, .success, now: at(8)) == [.admit(3)])
        #expect(machine.enter(5, timeout: .zero, now: at(8)) == [saturated(5)])
    }

    @Test func whoeverIsCancelledIsSkipped() {
        var machine = Machine(ForeignService("s", maxConcurrent: 1))
        _ = enter(1...4, &machine)
        let isCancelled = [machine.cancel(2), machine.cancel(2), machine.cancel(1)]
        #expect(isCancelled == [true, false, false])
        #expect(machine.leave(1, .success, now: start) == [.admit(3)])
    }

    @Test func theQueueIsBounded() {
        var machine = Machine(ForeignService("s", maxConcurrent: 1))
        let last = Machine.longestQueue + 2
        #expect(enter(1...last, &machine) == [.admit(1), .setTimer(at(2)), saturated(last)])
    }

    @Test func tokensComeAtTheirRate() {
        var machine = Machine(ForeignService("s", perSecond: 2))
        // A second's worth at once, then one every half second; the sixth would wait for 2 s, the seventh for 2.5 s.
        #expect(enter(1...3, &machine) == [.admit(1), .admit(2), .setTimer(at(0.5))])
        #expect(enter(4...7, &machine) == [saturated(7, after: 2.5)])
        for second in [0.5, 1, 1.5] {
            #expect(machine.wake(now: at(second)) == [.admit(Int(second * 2) + 2), .setTimer(at(second + 0.5))])
        }
        #expect(machine.wake(now: at(2)) == [.admit(6)])
        // However long nothing happens, no more than a second's worth is kept.
        #expect(enter(10...13, at: 100, &machine) == [.admit(10), .admit(11), .setTimer(at(100.5))])
    }

    @Test func slowRatesKeepOneToken() {
        var machine = Machine(ForeignService("s", perSecond: 0.5))
        #expect(enter(1...2, &machine) == [.admit(1), .setTimer(at(2))])
        #expect(machine.wake(now: at(2)) == [.admit(2)], "a token that comes in the last moment is in time")
        #expect(enter(3...3, at: 2, &machine) == [.setTimer(at(4))])
        #expect(machine.wake(now: at(4)) == [.admit(3)])
        #expect(enter(4...5, at: 100, &machine) == [.admit(4), .setTimer(at(102))])
    }

    /// So that a backlog is neither asked after all at once nor left waiting longer than it has to.
    @Test func thoseRefusedForTheRateAreToldTimesOneTokenApart() {
        var machine = Machine(ForeignService("s", perSecond: 8))
        _ = enter(1...24, &machine)
        for (id, earliest) in zip(25..., [2.125, 2.25, 2.375, 2.5]) {
            #expect(enter(id...id, &machine) == [saturated(id, after: earliest)])
        }
        #expect(enter(29...9_999, &machine).last == saturated(9_999, after: 300))
    }

    @Test func aSlotWithoutATokenIsNotEnoughNorATokenWithoutASlot() {
        var machine = Machine(ForeignService("s", maxConcurrent: 1, perSecond: 1))
        #expect(enter(1...2, &machine) == [.admit(1), .setTimer(at(2))])
        #expect(machine.leave(1, .success, now: at(0.5)) == [.setTimer(at(1))])
        #expect(machine.wake(now: at(1)) == [.admit(2)])
        #expect(enter(3...3, at: 1.5, &machine) == [.setTimer(at(3.5))])
        #expect(machine.wake(now: at(2)) == [])
        #expect(machine.leave(2, .success, now: at(3)) == [.admit(3)])
    }

    @Test func anOpenBreakerRefusesAllButOneProbe() {
        let pause = Duration.seconds(10)
        var machine = Machine(
            ForeignService("s", maxConcurrent: 2, breaker: .init(failures: 2, pause: pause)))
        _ = enter(1...4, &machine)
        #expect(machine.leave(1, .failure, now: at(1)) == [.admit(3)])
        #expect(
            machine.leave(2, .failure, now: at(1)) == [
                .refuse(4, .breakerOpen, earliest: pause, spread: pause)
            ])
        #expect(machine.wake(now: at(2)) == [])
        #expect(enter(5...5, at: 8, &machine) == [.refuse(5, .breakerOpen, earliest: .seconds(3), spread: pause)])
        #expect(
            enter(6...7, at: 11, &machine) == [
                .admit(6), .refuse(7, .breakerOpen, earliest: pause, spread: pause),
            ])
        #expect(machine.leave(6, .failure, now: at(12)) == [])
        #expect(enter(8...8, at: 12, &machine) == [.refuse(8, .breakerOpen, earliest: pause * 2, spread: pause * 2)])
        #expect(enter(9...9, at: 32, &machine) == [.admit(9)])
        #expect(machine.leave(9, .success, now: at(32)) == [])
        #expect(enter(10...11, at: 32, &machine) == [.admit(10), .setTimer(at(34))])
    }

    /// Calls from before may still hold every slot when the time for a probe comes.
    @Test func aProbeWaitsForItsSlotAndThoseBehindItAreRefusedThen() {
        var machine = Machine(
            ForeignService("s", maxConcurrent: 1, breaker: .init(failures: 1, pause: .seconds(10))))
        _ = enter(1...1, &machine)
        #expect(machine.leave(1, .failure, now: start) == [])
        #expect(
            enter(2...4, at: 10, &machine) == [
                .admit(2), .refuse(3, .breakerOpen, earliest: .seconds(10), spread: .seconds(10)),
                .refuse(4, .breakerOpen, earliest: .seconds(10), spread: .seconds(10)),
            ])
        #expect(enter(5...6, at: 20, &machine) == [.setTimer(at(22))])
        #expect(
            machine.leave(2, .neither, now: at(21)) == [
                .admit(5), .refuse(6, .breakerOpen, earliest: .seconds(10), spread: .seconds(10)),
            ])
    }
}
