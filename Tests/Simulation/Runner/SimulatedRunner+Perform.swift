import Foundation
import Waymark
import WaymarkEngine

extension SimulatedRunner {
    /// What one try at a piece of work came to.
    enum Verdict {
        case committed(StepValue, JournalEntry.Mark?)
        case failed(StepFailure, String)
        case conflict
        case uncertain
        case lost
        case unreachable
        /// Of an acceptance: the key is there.
        case exists
        /// Of an acceptance: somebody else's has not committed yet.
        case busy
    }

    func perform(_ work: Work, _ verdict: @escaping (Verdict) -> Void) {
        let input = input(of: work)
        world.checker.given(input, work, context, fence: fence, in: world.server.store)
        hold.beginStep(timeout: machine.timeout(of: work), at: process.clock)
        switch saga.kind(of: work) {
        case .foreignCall(let idempotence): makeCall(work, idempotence, verdict)
        default:
            let session = process.connect(idleTimeout: machine.timeout(of: work).inMicroseconds + Scenario.lease)
            runPhase(work, on: session) { [self] outcome in
                process.disconnect(session)
                verdict(outcome)
            }
        }
    }

    /// A phase in a transaction that also commits the recovery point.
    /// - Parameter new: the key, where it is accepted with the phase.
    func runPhase(
        _ work: Work, accepting new: NewKey? = nil, on session: Session, _ verdict: @escaping (Verdict) -> Void
    ) {
        let effect = Statement.effect(
            Effect(incarnation: context.incarnation, step: work.step, direction: work.direction))
        process.send(Server.Batch(statements: [effect], isAlone: false), on: session) { [self] outcome in
            if case .failure(let failure) = outcome { return verdict(self.verdict(on: failure)) }
            body(of: work) { [self] failure in
                if let failure {
                    session.close(in: world)
                    return verdict(failure)
                }
                commitPhase(work, accepting: new, on: session, verdict)
            }
        }
    }

    private func commitPhase(
        _ work: Work, accepting new: NewKey?, on session: Session, _ verdict: @escaping (Verdict) -> Void
    ) {
        let value = StepValue(number: world.nextNumber())
        let jobs = (0..<saga.jobs(of: work)).map { stage(work, position: $0) }
        let batch = Server.Batch(
            statements: [new.map { accept($0, after: work, value) } ?? progress(work, value)] + jobs, isAlone: false,
            commits: true, failsWithoutRow: world.scenario.guards.contains(.orFail),
            lockWait: new == nil ? nil : Self.acceptLockWait)
        process.send(batch, on: session) { [self] outcome in
            switch outcome {
            case .success: verdict(.committed(value, nil))
            case .failure(.guardFailed) where new != nil: verdict(.exists)
            case .failure(.lockTimeout) where new != nil: verdict(.busy)
            case .failure(let failure): verdict(self.verdict(on: failure))
            }
        }
    }

    private func accept(_ new: NewKey, after work: Work, _ value: StepValue) -> Statement {
        var new = new
        if case .write(_, _, _, _, let change) = progress(work, value) { new.first = change }
        return .accept(new, by: process.name)
    }

    private func stage(_ work: Work, position: Int) -> Statement {
        let point = work.finishes ? SagaDeclaration.finished : foreignPoint(work)
        let id =
            world.scenario.guards.contains(.derivedJobID)
            ? KeyIdentity.jobID(context, recoveryPoint: point, position: position) : process.random.uuid()
        let origin = ModelJob.Origin(incarnation: context.incarnation, point: point, position: position)
        return .stage(Statement.NewJob(id: id, keyID: context.id, position: position, origin: origin))
    }

    /// What the application's own code comes to; nil where it returns.
    private func body(of work: Work, _ completion: @escaping (Verdict?) -> Void) {
        let timeout = machine.timeout(of: work).inMicroseconds
        if isPoisoned(work) { return process.kill() }
        let luck = world.isHealed ? 0 : process.random.below(100)
        switch luck {
        case 0..<78: process.after(process.random.below(4_000)) { completion(nil) }
        case 78..<84: process.after(process.random.below(timeout)) { completion(nil) }
        case 84..<90:
            completion(.failed(.transient(retryAfter: nil), "the phase throws"))
        case 90..<92:
            process.after(timeout) { completion(.failed(.transient(retryAfter: nil), "the phase hangs")) }
        case 92..<94: completion(.failed(.unretryable, "the phase throws for good"))
        default: completion(.failed(.rejected(SimulatedSaga.rejection(by: work.step)), "the phase rejects"))
        }
    }

    func isPoisoned(_ work: Work) -> Bool {
        context.key == Client.key(0) && work.direction == .forward && work.step == world.scenario.poisonedStep
    }

    /// Commits what a step came to, in one statement.
    func commitResult(
        _ work: Work, _ value: StepValue, mark: JournalEntry.Mark? = nil, _ verdict: @escaping (Verdict) -> Void
    ) {
        let mayBeOthers = !world.scenario.guards.contains(.ownResult)
        let number = (try? value.read()) as? Int
        write(
            progress(work, value, mark: mark),
            landed: { row in
                row.recoveryPoint == work.to && (row.journal.last.flatMap(EntryText.output) == number || mayBeOthers)
            }
        ) { written in
            switch written {
            case .done: verdict(.committed(value, mark))
            case .lost: verdict(.lost)
            case .failed: verdict(.unreachable)
            }
        }
    }

    /// The guarded update that moves the key past `work`.
    private func progress(_ work: Work, _ value: StepValue, mark: JournalEntry.Mark? = nil) -> Statement {
        let isForward = work.direction == .forward
        let entry = JournalEntry(
            step: RecoveryPoint(step: plan[work.step].name, stage: isForward ? nil : .undone).description,
            output: value.json, attempt: machine.state.attempts, version: 1, mark: mark
        ).json(by: process.name)
        guard work.finishes else {
            return .write(
                context.id, fence: fence, from: work.from, going: work.direction,
                .advance(to: work.to, entry: entry))
        }
        let answer = isForward ? ModelAnswer(status: ModelAnswer.successStatus, body: value.json) : nil
        return .write(
            context.id, fence: fence, from: work.from, going: work.direction, .finish(entry: entry, answer))
    }

    /// What a foreign key is derived from.
    func foreignPoint(_ work: Work) -> String {
        let stage: RecoveryPoint.Stage? = work.direction == .forward ? nil : .undone
        return RecoveryPoint(step: plan[work.step].originalName, stage: stage).description
    }
}

extension StepValue {
    convenience init(number: Int) { self.init(value: number, json: "\(number)") }
}

extension RandomNumberGenerator {
    mutating func uuid() -> UUID {
        let (high, low) = (next(), next())
        return withUnsafeBytes(of: (high, low)) { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
    }
}
