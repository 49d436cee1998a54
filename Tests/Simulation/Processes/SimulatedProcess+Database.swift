import Foundation

/// What a process sends to the database, over a network that loses connections.
extension SimulatedProcess {
    /// Travel time of a message.
    private func latency() -> Microseconds { 300 + random.below(6_000) }

    /// One statement in a transaction of its own, sent again through outages as `patiently` does.
    func query(
        _ statement: Statement, lockWait: Microseconds? = nil, since: Microseconds? = nil,
        _ reply: @escaping (Result<Rows, DatabaseFailure>) -> Void
    ) {
        let since = since ?? world.now
        let session = connect()
        send(Server.Batch(statements: [statement], lockWait: lockWait), on: session) { [self] outcome in
            disconnect(session)
            switch outcome {
            case .success(let rows): reply(.success(rows[0]))
            case .failure(let failure):
                guard failure.mayPass, world.now - since < Self.outagePatience else { return reply(.failure(failure)) }
                after(Self.outagePause) { self.query(statement, lockWait: lockWait, since: since, reply) }
            }
        }
    }

    /// The engine's: see `EngineLimits`.
    static let outagePatience = 30 * .seconds
    static let outagePause = 250 * .milliseconds

    /// Sends a batch, and hands its outcome on unless the process is dead by then.
    func send(_ batch: Server.Batch, on session: Session, _ reply: @escaping (Server.Outcome) -> Void) {
        let fault = fault(at: batch.description)
        if batch.commits, fault != nil { world.tally.unknownCommits += 1 }
        suffer(fault) { [self] in
            switch fault {
            case .lose(let loss): lose(batch, session, loss, reply)
            case .conflict where !batch.isAlone:
                travel {
                    self.world.server.rollBack(session)
                    self.receive(.failure(.conflict), reply)
                }
            default:
                session.isExecuting = true
                travel { self.execute(batch, session) { self.receive($0, reply) } }
            }
        }
    }

    private func execute(_ batch: Server.Batch, _ session: Session, _ reply: @escaping (Server.Outcome) -> Void) {
        let world = world
        world.server.execute(batch, on: session) { [self] outcome in
            session.isExecuting = false
            // The server notices only now that nobody is there any more.
            if !isAlive || session.isAbandoned { session.close(in: world) }
            reply(outcome)
        }
    }

    private func lose(
        _ batch: Server.Batch, _ session: Session, _ loss: Fault.Loss, _ reply: @escaping (Server.Outcome) -> Void
    ) {
        session.isAbandoned = true
        switch loss {
        case .beforeArrival:
            travel { session.close(in: self.world) }
        case .beforeReply:
            session.isExecuting = true
            travel { self.execute(batch, session) { _ in } }
        case .beforeExecution(let delay):
            session.isExecuting = true
            world.after(delay) { self.execute(batch, session) { _ in } }
        }
        after(latency() + latency()) { reply(.failure(.connectionLost)) }
    }

    /// On its way to the server, a message outlives its sender.
    private func travel(_ arrive: @escaping () -> Void) { world.after(latency(), arrive) }

    private func receive(_ outcome: Server.Outcome, _ reply: @escaping (Server.Outcome) -> Void) {
        after(latency()) { reply(outcome) }
    }
}

extension DatabaseFailure {
    /// The same statement may succeed a little later.
    var mayPass: Bool {
        switch self {
        case .connectionLost, .conflict: true
        case .guardFailed, .lockTimeout, .duplicate: false
        }
    }
}

extension Server.Batch {
    var description: String {
        statements.map(\.word).joined(separator: ", ") + (commits ? " COMMIT" : "")
    }
}
