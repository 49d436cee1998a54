import Testing

@testable import PostgresPQ

@Suite struct PoolStateMachineTests {
    typealias Machine = PoolStateMachine
    private let now = Duration.seconds(1_000)

    private func machine(maximum: Int = 2, minimum: Int = 0) -> Machine {
        var machine = Machine(limits: .init(maximumConnections: maximum, minimumConnections: minimum))
        machine.hasConnected = true
        return machine
    }

    /// A machine with one idle connection, number 1.
    private func idleMachine(maximum: Int = 2) -> Machine {
        var machine = machine(maximum: maximum)
        _ = machine.wait(1, now: now)
        _ = machine.connectSucceeded(1, now: now)
        _ = machine.release(1, isUsable: true, now: now)
        return machine
    }

    @Test func connectsForWaitersUpToTheMaximum() {
        var machine = machine()
        let deadline = now + .seconds(10)
        #expect(machine.leaseIdle() == nil)
        #expect(machine.wait(1, now: now) == [.setTimer(deadline), .connect(1, delayCeiling: .zero)])
        #expect(machine.wait(2, now: now) == [.connect(2, delayCeiling: .zero)])
        #expect(machine.wait(3, now: now) == [])
        #expect(machine.connectSucceeded(2, now: now) == [.lend(2, waiter: 1)])
        #expect(machine.connectSucceeded(1, now: now) == [.lend(1, waiter: 2)])
        #expect(machine.release(1, isUsable: true, now: now) == [.lend(1, waiter: 3)])
        #expect(machine.release(2, isUsable: true, now: now) == [])
        #expect(machine.leaseIdle() == 2)
        #expect(machine.leasedCount == 2)
    }

    @Test func theMinimumIsOpenedAndKept() {
        var machine = machine(maximum: 3, minimum: 2)
        #expect(machine.start().count == 2)
        _ = machine.connectSucceeded(1, now: now)
        _ = machine.connectSucceeded(2, now: now)
        #expect(machine.connectionClosed(1) == [.connect(3, delayCeiling: .zero)])
    }

    @Test func theLastOneUsedIsLentFirst() {
        var machine = machine(maximum: 2, minimum: 2)
        _ = machine.start()
        _ = machine.connectSucceeded(1, now: now)
        _ = machine.connectSucceeded(2, now: now)
        #expect(machine.leaseIdle() == 2)
        _ = machine.release(2, isUsable: true, now: now)
        #expect(machine.leaseIdle() == 2)
        #expect(machine.leaseIdle() == 1)
        #expect(machine.leaseIdle() == nil)
    }

    @Test func brokenConnectionsAreReplaced() {
        var machine = idleMachine(maximum: 1)
        #expect(machine.leaseIdle() == 1)
        _ = machine.wait(2, now: now)
        #expect(machine.connectionClosed(1) == [])
        #expect(machine.release(1, isUsable: false, now: now) == [.close(1), .connect(2, delayCeiling: .zero)])
    }

    @Test func failuresBackOffOneAttemptAtATime() {
        var machine = machine(maximum: 4)
        for waiter in 1...3 { _ = machine.wait(waiter, now: now) }
        #expect(machine.connectFailed(1, isRefusal: false, now: now) == [])
        #expect(machine.connectFailed(2, isRefusal: false, now: now) == [])
        #expect(machine.connectFailed(3, isRefusal: false, now: now) == [.connect(4, delayCeiling: .milliseconds(200))])
        #expect(machine.wait(4, now: now) == [])
        var ceilings: [Duration] = []
        for id in 4...12 {
            guard case .connect(_, let ceiling)? = machine.connectFailed(id, isRefusal: false, now: now).first else {
                continue
            }
            ceilings.append(ceiling)
        }
        #expect(ceilings.prefix(3) == [.milliseconds(400), .milliseconds(800), .seconds(1)])
        #expect(ceilings.last == .seconds(1))
        let actions = machine.connectSucceeded(13, now: now)
        #expect(actions.first == .lend(13, waiter: 1))
        #expect(actions.dropFirst().count == 3)
        #expect(actions.last == .connect(16, delayCeiling: .zero))
    }

    @Test func refusalsReachEverybodyAtOnce() {
        var machine = machine()
        _ = machine.wait(1, now: now)
        _ = machine.wait(2, now: now)
        #expect(
            machine.connectFailed(1, isRefusal: true, now: now) == [
                .fail(waiter: 1, .refused), .fail(waiter: 2, .refused),
            ])
        #expect(machine.waiting.isEmpty)
    }

    @Test func waitersTimeOutInOrder() {
        var machine = machine(maximum: 1)
        _ = machine.wait(1, now: now)
        #expect(machine.wait(2, now: now + .seconds(3)) == [])
        #expect(
            machine.timeOut(now: now + .seconds(10)) == [.fail(waiter: 1, .timedOut), .setTimer(now + .seconds(13))])
        let isCancelled = [machine.cancelWaiter(2), machine.cancelWaiter(2), machine.cancelWaiter(1)]
        #expect(isCancelled == [true, false, false])
        #expect(machine.timeOut(now: now + .seconds(13)) == [])
        #expect(machine.connectSucceeded(1, now: now) == [])
        #expect(machine.leaseIdle() == 1)
    }

    @Test func onlyLongIdleConnectionsAreChecked() {
        var machine = idleMachine()
        #expect(machine.checkIdle(now: now + .seconds(29)) == [])
        #expect(machine.checkIdle(now: now + .seconds(30)) == [.check(1)])
        #expect(machine.leaseIdle() == nil)
        #expect(machine.checkSucceeded(1, now: now + .seconds(31)) == [])
        #expect(machine.leaseIdle() == 1)
        _ = machine.release(1, isUsable: true, now: now)
        _ = machine.checkIdle(now: now + .seconds(60))
        #expect(machine.connectionClosed(1) == [])
        #expect(machine.connections.isEmpty)
    }

    @Test func shutdownWaitsForWhatIsLent() {
        var machine = machine(maximum: 2, minimum: 2)
        _ = machine.start()
        _ = machine.connectSucceeded(1, now: now)
        _ = machine.connectSucceeded(2, now: now)
        #expect(machine.leaseIdle() == 2)
        #expect(machine.shutDown() == [.close(1)])
        #expect(machine.shutDown() == [])
        #expect(machine.wait(9, now: now) == [.fail(waiter: 9, .closed)])
        #expect(machine.release(2, isUsable: true, now: now) == [.close(2), .drained])
    }

    @Test func shutdownEndsAttemptsToConnect() {
        var machine = machine()
        _ = machine.wait(1, now: now)
        _ = machine.wait(2, now: now)
        #expect(machine.shutDown() == [.fail(waiter: 1, .closed), .fail(waiter: 2, .closed)])
        #expect(machine.connectFailed(1, isRefusal: false, now: now) == [])
        #expect(machine.connectSucceeded(2, now: now) == [.close(2), .drained])
        var empty = self.machine()
        #expect(empty.shutDown() == [.drained])
    }

    /// A machine whose database went away a while ago.
    private func downMachine() -> Machine {
        var machine = machine(maximum: 4)
        _ = machine.wait(1, now: now - .seconds(2))
        _ = machine.beginConnecting(1, now: now - .seconds(2))
        _ = machine.connectFailed(1, isRefusal: false, now: now - .seconds(2))
        _ = machine.beginConnecting(2, now: now)
        _ = machine.connectFailed(2, isRefusal: false, now: now)
        return machine
    }

    @Test func aShortOutageIsWaitedOut() {
        var machine = machine()
        _ = machine.wait(1, now: now)
        _ = machine.beginConnecting(1, now: now)
        let soon = now + .milliseconds(900)
        #expect(machine.connectFailed(1, isRefusal: false, now: soon) == [.connect(2, delayCeiling: .milliseconds(50))])
        #expect(machine.connectSucceeded(2, now: soon) == [.lend(2, waiter: 1)])
    }

    @Test func onceTheDatabaseIsKnownToBeAwayEverybodyIsTold() {
        var machine = machine()
        _ = machine.wait(1, now: now)
        _ = machine.wait(2, now: now)
        _ = machine.beginConnecting(1, now: now)
        #expect(
            machine.connectFailed(1, isRefusal: false, now: now + .seconds(1))
                == [.fail(waiter: 1, .unavailable), .fail(waiter: 2, .unavailable)])
        #expect(machine.isDown(now: now + .seconds(1)))
    }

    @Test func whileItIsAwayEachCallerFindsOutAtOnceWhetherItIsBack() {
        var machine = downMachine()
        #expect(machine.wait(3, now: now) == [.fail(waiter: 3, .unavailable)], "it was found out a moment ago")
        let later = now + .milliseconds(100)
        let actions = machine.wait(4, now: later)
        #expect(actions == [.setTimer(later + .seconds(1)), .connect(3, delayCeiling: .zero)])
        #expect(machine.wait(5, now: later) == [], "one attempt is enough")
        #expect(
            machine.connectFailed(3, isRefusal: false, now: later)
                == [.fail(waiter: 4, .unavailable), .fail(waiter: 5, .unavailable)])
        _ = machine.wait(6, now: later + .seconds(9))
        #expect(machine.connectSucceeded(4, now: later + .seconds(9)).first == .lend(4, waiter: 6))
        #expect(!machine.isDown(now: later + .seconds(9)))
    }

    @Test func aServerThatGivesNoAnswerIsNotWaitedForAsLongAsAConnection() {
        var machine = downMachine()
        let later = now + .seconds(5)
        #expect(machine.wait(3, now: later).first == .setTimer(later + .seconds(1)))
        #expect(machine.timeOut(now: later + .seconds(1)) == [.fail(waiter: 3, .unavailable)])
    }

    @Test func anAttemptThatWaitsForItsTimeHoldsNobodyUp() {
        var machine = machine(maximum: 2, minimum: 1)
        _ = machine.start()
        _ = machine.beginConnecting(1, now: now)
        #expect(machine.connectFailed(1, isRefusal: false, now: now + .seconds(2)).count == 1)
        let later = now + .seconds(3)
        #expect(machine.wait(7, now: later).last == .connect(3, delayCeiling: .zero))
        let isWanted = [machine.beginConnecting(2, now: later), machine.beginConnecting(3, now: later)]
        #expect(isWanted == [false, true])
    }

    @Test func aDatabaseThatIsBeingStartedWithTheProcessIsWaitedFor() {
        var machine = machine()
        machine.hasConnected = false
        _ = machine.wait(1, now: now)
        _ = machine.beginConnecting(1, now: now)
        #expect(machine.connectFailed(1, isRefusal: false, now: now + .seconds(9)).count == 1)
        #expect(!machine.isDown(now: now + .seconds(9)))
        #expect(machine.isDown(now: now + .seconds(10)), "but not for ever")
    }

    @Test func whileSomeConnectionsWorkTheDatabaseIsNotAway() {
        var machine = idleMachine(maximum: 3)
        #expect(machine.leaseIdle() == 1)
        _ = machine.wait(2, now: now)
        _ = machine.beginConnecting(2, now: now)
        #expect(machine.connectFailed(2, isRefusal: false, now: now + .seconds(3)).count == 1)
        #expect(!machine.isDown(now: now + .seconds(3)), "the server may only have no slot left")
        _ = machine.connectionClosed(1)
        #expect(machine.isDown(now: now + .seconds(3)))
    }

    @Test func theNeighboursOfALostServersConnectionGoWithIt() {
        var machine = machine(maximum: 4, minimum: 3)
        _ = machine.start()
        for id in 1...3 { _ = machine.connectSucceeded(id, now: now) }
        #expect(machine.leaseIdle() == 3)
        #expect(machine.leaseIdle() == 2)
        #expect(machine.serverLost(3).contains(.close(1)))
        _ = machine.connectSucceeded(4, now: now)
        #expect(machine.release(2, isUsable: true, now: now).first == .close(2), "also one that was lent")
        #expect(machine.serverLost(2) == [], "what it has to say is known")
        #expect(machine.leaseIdle() == 4)
    }

    @Test func aConnectionThatWasBeingMadeToALostServerIsNotLent() {
        var machine = idleMachine(maximum: 2)
        #expect(machine.leaseIdle() == 1)
        _ = machine.wait(2, now: now)
        _ = machine.serverLost(1)
        #expect(machine.connectSucceeded(2, now: now) == [.close(2), .connect(3, delayCeiling: .zero)])
    }
}
