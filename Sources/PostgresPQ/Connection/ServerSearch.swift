import Dispatch
import Foundation
import Synchronization

/// The way to the first of the configured servers that takes a session of the wanted kind.
///
/// libpq would try all of them by itself, but without blocking it knows no time-out: a server that never answers would keep
/// it from the next one.
struct ServerSearch {
    private static let lookUpQueue = DispatchQueue(label: "postgres.lookup", attributes: .concurrent)

    let configuration: PostgresConfiguration
    let loop: EventLoop
    let notices: NoticeSink

    /// Connects. Throws ``PostgresError/Code/connectFailed`` with what every server that was tried said, or
    /// `CancellationError`.
    func run() async throws -> Wire {
        let settings = configuration.connectionSettings
        guard settings["target_session_attrs"] == "prefer-standby" else { return try await search(settings) }
        // A preference is about all servers, so it takes two rounds over them.
        do {
            return try await search(settings.merging(["target_session_attrs": "standby"]) { $1 })
        } catch let error as PostgresError where !error.isRefusal {
            return try await search(settings.merging(["target_session_attrs": "any"]) { $1 })
        }
    }

    private func search(_ settings: [String: String]) async throws -> Wire {
        var places = configuration.knownServers.inOrder(ServerAddress.list(in: settings))
        let deadline = ContinuousClock.now + configuration.connectTimeout
        var failures: [PostgresError] = []
        while !places.isEmpty {
            let place = places.removeFirst()
            let share = { (count: Int) in Self.timeout(settings, until: deadline, shares: count + places.count) }
            var addresses = try await lookUp(place, within: share(1), &failures)
            while !addresses.isEmpty {
                let timeout = share(addresses.count)
                let address = addresses.removeFirst()
                do {
                    let attempt = ConnectAttempt(
                        address.applied(to: settings), timeout: timeout, loop: loop, notices: notices)
                    let wire = try await attempt.run()
                    configuration.knownServers.succeeded(address)
                    return wire
                } catch let error as PostgresError {
                    // Another server would turn us down for the same reason.
                    if error.isRefusal { throw error }
                    failures.append(error)
                }
            }
        }
        throw Self.summary(failures)
    }

    /// How long the next of `shares` addresses may take.
    private static func timeout(
        _ settings: [String: String], until deadline: ContinuousClock.Instant, shares: Int
    ) -> Duration {
        let text = settings["connect_timeout"] ?? ProcessInfo.processInfo.environment["PGCONNECT_TIMEOUT"]
        if let seconds = text.flatMap({ Int($0) }), seconds > 0 { return .seconds(seconds) }
        return max(deadline - .now, .zero) / shares
    }

    /// The addresses of a place, the last good one first. Looking up cannot be interrupted; its thread is left to it.
    private func lookUp(
        _ place: ServerAddress, within timeout: Duration, _ failures: inout [PostgresError]
    ) async throws -> [ServerAddress] {
        guard place.isName else { return [place] }
        let answer = LookUp()
        let addresses = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                answer.wait(continuation)
                Self.lookUpQueue.async { answer.resume(place.lookedUp()) }
                DispatchQueue.global().asyncAfter(deadline: .now() + timeout.timeInterval) { answer.resume(nil) }
            }
        } onCancel: {
            answer.resume(nil)
        }
        try Task.checkCancellation()
        if let addresses { return configuration.knownServers.inOrder(addresses) }
        failures.append(
            PostgresError(.connectFailed, "\(place) could not be looked up within \(timeout)"))
        return []
    }

    private static func summary(_ failures: [PostgresError]) -> PostgresError {
        guard failures.count != 1 else { return failures[0] }
        let state = failures.lazy.compactMap(\.sqlState).first
        return PostgresError(.connectFailed, failures.map(\.message).joined(separator: "; "), sqlState: state)
    }
}

/// The answer to one look-up, or the end of the patience for it, whichever comes first.
private final class LookUp: Sendable {
    typealias Waiter = CheckedContinuation<[ServerAddress]?, Never>

    private enum State {
        case asked
        case waiting(Waiter)
        case answered([ServerAddress]?)
        case done
    }

    private let state = Mutex(State.asked)

    func wait(_ waiter: Waiter) {
        let early: [ServerAddress]?? = state.withLock { state in
            if case .answered(let answer) = state {
                state = .done
                return .some(answer)
            }
            state = .waiting(waiter)
            return .none
        }
        if let early { waiter.resume(returning: early) }
    }

    func resume(_ answer: [ServerAddress]?) {
        let waiter: Waiter? = state.withLock { state in
            switch state {
            case .asked:
                state = .answered(answer)
                return nil
            case .waiting(let waiter):
                state = .done
                return waiter
            case .answered, .done: return nil
            }
        }
        waiter?.resume(returning: answer)
    }
}
