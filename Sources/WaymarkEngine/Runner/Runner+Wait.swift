import Foundation
import PostgresPQ
import Waymark

/// What goes on when something that was waited for has come.
extension Runner {
    /// The database's clock and this machine's sleep a little apart: a row that was due to be claimed is due.
    static let tolerance: Duration = .milliseconds(5)

    /// Goes on after a sleep; back to sleep where it is too early.
    func wakeUp(_ work: Work, _ wake: @Sendable (any Sendable) -> Wake) async -> Progression {
        do {
            let input = try self.input(of: work)
            let left: Duration
            switch try storable(wake(input), of: work) {
            case .after(let duration): left = duration - sincePoint
            case .at(let date):
                switch await databaseSeconds() {
                case .success(let now): left = .seconds(clamping: date.timeIntervalSince1970 - now)
                case .failure(let error): return unreachable(error)
                }
            }
            if left > Self.tolerance {
                return await release(after: left, attempts: machine.state.attempts - 1, cause: .waiting)
            }
            guard let value = try plan[work.step].skip?(input) else {
                preconditionFailure("a sleep passes its input on")
            }
            return await progression(of: work, settle(work) { await commitResult(work, value) })
        } catch {
            return .next(fail(work, failure(of: error, in: work), Self.text(of: error)))
        }
    }

    /// Refuses a sleep whose end no row can hold.
    /// - Throws: `UnstorableOutput`.
    func storable(_ end: Wake, of work: Work) throws -> Wake {
        if case .at(let date) = end, !Date.postgresRange.contains(date) {
            throw UnstorableOutput(
                description: "step '\(plan[work.step].name)' sleeps until a date that PostgreSQL does not hold "
                    + "(\(date.timeIntervalSince1970) seconds after 1970): it must be between 4713 BC and 294276")
        }
        return end
    }

    /// Goes on with an event, or without it where the time is over.
    func receive(_ work: Work, _ body: EventBody) async -> Progression {
        let name = eventName(work)
        let left = plan[work.step].timeout - sincePoint
        if events[name] == nil, left > Self.tolerance {
            return await release(
                after: left, attempts: machine.state.attempts - 1, events: [name], cause: .waiting)
        }
        do {
            if events[name] == nil {
                // An event that comes from now on is too late, whatever becomes of this commit.
                let expire = engine.statements.expire(context.id, fence: fence, event: name)
                let read = await engine.postgres.patiently { try await $0.query(expire).first?.decode(String.self) }
                switch read {
                case .failure(let error): return unreachable(error)
                case .success(nil): return lost()
                case .success(let json?):
                    events[name] = try JSONValue(parsing: json, depth: JSONCoding.storedDepth + 1)
                }
            }
            var event: (any Sendable)?
            if case .object(let delivery) = events[name], let value = delivery["value"] {
                event = try body.decode(value)
            }
            let value = try body.receive(input(of: work), event)
            return await progression(of: work, settle(work) { await commitResult(work, value) })
        } catch {
            return .next(fail(work, failure(of: error, in: work), Self.text(of: error)))
        }
    }

    /// Goes on with a child's answer.
    func receive(_ work: Work, _ body: ChildBody) async -> Progression {
        let name = eventName(work)
        guard case .object(let answer) = events[name], case .string(let json) = answer["body"],
            case .number(let status) = answer["status"]
        else {
            let attempts = machine.state.attempts - 1
            return await release(after: Self.childPatience, attempts: attempts, events: [name], cause: .waiting)
        }
        do {
            if let rejection = StoredAnswer(status: Int(status) ?? 500, body: json).rejection {
                guard plan[work.step].exhaustion == .degrade else { throw rejection }
                return await degrade(work)
            }
            let value = try body.receive(input(of: work), json)
            return await progression(of: work, settle(work) { await commitResult(work, value) })
        } catch {
            return .next(fail(work, failure(of: error, in: work), Self.text(of: error)))
        }
    }

    /// The database's clock, in seconds since 1970: as the claim told it, else asked for. This machine's may be hours off.
    func databaseSeconds() async -> Result<Double, PostgresError> {
        if let databaseClock = key.databaseClock {
            return .success(databaseClock.seconds + (now - databaseClock.at).inSeconds)
        }
        let clock = engine.statements.clock
        return await engine.postgres.patiently { try await $0.query(clock).decode(Double.self)[0] }
    }
}
