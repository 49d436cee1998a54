import Testing

@testable import PostgresPQ

@Suite struct PipelineStateMachineTests {
    typealias Machine = PipelineStateMachine
    typealias Unit = PipelineStateMachine.Unit

    /// Starts everything that may start, each unit with one command, and returns the units' numbers.
    private func startAll(_ machine: inout Machine) -> [Int] {
        var started: [Int] = []
        while let unit = machine.startNext() {
            machine.started(unit.isScript ? [] : [.execute(0, name: nil)])
            started.append(unit.id)
        }
        return started
    }

    /// Answers the unit that is next in line.
    private func answer(_ machine: inout Machine, _ answer: Machine.Answer = .success) -> Machine.Action {
        _ = machine.received(answer)
        _ = machine.received(.end)
        return machine.received(.sync)
    }

    private func machine(_ units: Unit...) -> Machine {
        var machine = Machine()
        for unit in units {
            let isTaken = machine.enqueue(unit)
            #expect(isTaken)
        }
        return machine
    }

    @Test func unitsAreSentWithoutWaitingForAnswers() {
        var machine = Machine()
        for id in 0..<100 { _ = machine.enqueue(Unit(id: id)) }
        #expect(startAll(&machine) == Array(0..<100))
        for id in 0..<100 { #expect(answer(&machine) == .complete(unitID: id)) }
        #expect(machine.isIdle && !machine.expectsAnswer)
    }

    @Test func noMoreThanTheLimitIsInFlight() {
        var machine = Machine()
        for id in 0...Machine.inFlightLimit { _ = machine.enqueue(Unit(id: id)) }
        #expect(startAll(&machine).count == Machine.inFlightLimit)
        _ = answer(&machine)
        #expect(startAll(&machine) == [Machine.inFlightLimit])
    }

    @Test func resultsGoToTheirCommands() {
        var machine = machine(Unit(id: 1))
        _ = machine.startNext()
        let commands: [Machine.Command] = [.prepare(0, name: "a"), .execute(0, name: "a"), .execute(1, name: nil)]
        machine.started(commands)
        for (command, kind) in zip(commands, [Machine.Answer.success, .failure, .skipped]) {
            #expect(machine.received(kind) == .record(unitID: 1, command))
            #expect(machine.received(.end) == .none)
        }
        #expect(machine.received(.sync) == .complete(unitID: 1))
    }

    @Test func aFailureBehindTheLastCommandIsTheCommits() {
        var machine = machine(Unit(id: 1))
        _ = startAll(&machine)
        _ = machine.received(.success)
        _ = machine.received(.end)
        #expect(machine.received(.failure) == .recordCommitFailure(unitID: 1))
        #expect(machine.received(.end) == .none)
        #expect(machine.received(.sync) == .complete(unitID: 1))
    }

    @Test func answersThatFitNothingGiveUp() {
        var idle = Machine()
        #expect(idle.received(.success) == .giveUp)
        var early = machine(Unit(id: 1))
        _ = startAll(&early)
        #expect(early.received(.sync) == .giveUp)
        var twice = machine(Unit(id: 1))
        _ = startAll(&twice)
        _ = twice.received(.success)
        #expect(twice.received(.success) == .giveUp)
    }

    @Test func anOpenTransactionKeepsOthersWaiting() {
        var machine = machine(Unit(id: 1, transaction: 7), Unit(id: 2), Unit(id: 3, transaction: 7))
        #expect(startAll(&machine) == [1, 3])
        _ = answer(&machine)
        _ = answer(&machine)
        _ = machine.enqueue(Unit(id: 4, transaction: 8))
        _ = machine.enqueue(Unit(id: 5, transaction: 7, endsTransaction: true))
        #expect(startAll(&machine) == [5])
        #expect(answer(&machine) == .complete(unitID: 5))
        #expect(startAll(&machine) == [2, 4])
    }

    @Test func aTransactionWhoseEndFailedIsStillOpen() {
        var machine = machine(Unit(id: 1, transaction: 7, endsTransaction: true), Unit(id: 2))
        #expect(startAll(&machine) == [1])
        _ = answer(&machine, .failure)
        #expect(startAll(&machine).isEmpty)
        _ = machine.enqueue(Unit(id: 3, transaction: 7, endsTransaction: true))
        #expect(startAll(&machine) == [3])
        _ = answer(&machine)
        #expect(startAll(&machine) == [2])
    }

    @Test func aScriptIsAlone() {
        var machine = machine(Unit(id: 1), Unit(id: 2, isScript: true), Unit(id: 3))
        #expect(startAll(&machine) == [1])
        _ = answer(&machine)
        #expect(startAll(&machine) == [2])
        #expect(machine.received(.success) == .record(unitID: 2, .execute(0, name: nil)))
        #expect(machine.received(.success) == .record(unitID: 2, .execute(0, name: nil)))
        #expect(machine.received(.end) == .complete(unitID: 2))
        #expect(startAll(&machine) == [3])
    }

    @Test func whatWasNotSentIsTakenBack() {
        var machine = machine(Unit(id: 1, transaction: 1), Unit(id: 2), Unit(id: 3, transaction: 1))
        _ = machine.startNext()
        machine.started([])
        #expect(machine.cancel(2) == .remove(unitID: 2))
        #expect(machine.cancel(3) == .remove(unitID: 3))
        #expect(machine.cancel(99) == .none)
    }

    @Test func nothingStartsWhileACancelRequestIsOnItsWay() {
        var machine = machine(Unit(id: 1))
        _ = startAll(&machine)
        #expect(machine.cancel(1) == .sendRequest)
        _ = machine.enqueue(Unit(id: 2))
        #expect(startAll(&machine).isEmpty)
        _ = answer(&machine, .failure)
        #expect(startAll(&machine).isEmpty)
        #expect(machine.cancelRequestFinished() == .resume)
        #expect(startAll(&machine) == [2])
    }

    @Test func aCancelRequestNeverEndangersANeighbour() {
        var behind = machine(Unit(id: 1), Unit(id: 2))
        _ = startAll(&behind)
        #expect(behind.cancel(1) == .none)
        #expect(behind.cancel(2) == .none)
        _ = answer(&behind)
        #expect(behind.cancelHead() == .sendRequest)
        var commit = machine(Unit(id: 1, transaction: 1), Unit(id: 2, transaction: 1, endsTransaction: true))
        _ = startAll(&commit)
        #expect(commit.cancel(1) == .none)
        #expect(commit.cancel(2) == .none)
        var own = machine(Unit(id: 1, transaction: 1), Unit(id: 2, transaction: 1))
        _ = startAll(&own)
        #expect(own.cancel(1) == .sendRequest)
    }

    @Test func anIneffectiveCancelRequestIsRepeatedAndThenGivenUp() {
        var machine = machine(Unit(id: 1))
        _ = startAll(&machine)
        #expect(machine.cancel(1) == .sendRequest)
        for _ in 1..<Machine.cancelAttemptLimit {
            #expect(machine.cancelRequestFinished() == .checkLater(unitID: 1))
            #expect(machine.repeatCancelRequest(1) == .sendRequest)
        }
        #expect(machine.cancelRequestFinished() == .checkLater(unitID: 1))
        #expect(machine.repeatCancelRequest(1) == nil)
        #expect(machine.isCancelling(1) && !machine.isCancelling(2))
        _ = answer(&machine)
        #expect(!machine.isCancelling(1))
        #expect(machine.repeatCancelRequest(1) == PipelineStateMachine.CancelAction.none)
        #expect(machine.cancellation == nil)
    }

    @Test func lossTellsWhatWasSent() {
        var machine = machine(Unit(id: 1, transaction: 1), Unit(id: 2), Unit(id: 3, transaction: 1))
        _ = machine.startNext()
        machine.started([])
        let lost = machine.connectionLost()
        #expect(lost.map(\.unit.id) == [1, 3, 2])
        #expect(lost.map(\.isSent) == [true, false, false])
        let isTaken = machine.enqueue(Unit(id: 4))
        #expect(!isTaken && machine.startNext() == nil)
    }

    @Test func closingTakesOnlyWhatEndsTheTransaction() {
        var machine = machine(Unit(id: 1, transaction: 1), Unit(id: 2))
        _ = startAll(&machine)
        machine.close()
        let other = machine.enqueue(Unit(id: 3))
        let own = machine.enqueue(Unit(id: 4, transaction: 1, endsTransaction: true))
        #expect(!other && own)
        _ = answer(&machine)
        #expect(startAll(&machine) == [4])
        _ = answer(&machine)
        #expect(startAll(&machine) == [2])
    }
}
