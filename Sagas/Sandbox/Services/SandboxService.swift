import Foundation
import Synchronization

/// The four services without their HTTP: takes requests apart, plays the faults, keeps the ledger.
final class SandboxService: Sendable {
    /// A mutation, as it came in.
    struct Request: Sendable {
        /// Method and path: a key belongs to one endpoint.
        let endpoint: String
        let idempotencyKey: String?
        /// The same for the same parameters, in whatever order.
        let fingerprint: String
        /// Whose faults in a row are counted together, for a service without keys.
        var streak: String?

        /// Whose keys these are.
        var service: String {
            switch endpoint {
            case "POST /v1/messages": "mail"
            case "POST /v1/withdrawals": "bank"
            case let carrier where Booking.Kind.allCases.contains { carrier.hasSuffix(" /v1/\($0.rawValue)s") }:
                "carrier"
            default: "payments"
            }
        }
    }

    /// What the caller gets to see.
    enum Outcome: Sendable, Equatable {
        case reply(Reply)
        /// The connection is closed without a word.
        case dropped
    }

    /// The longest idempotency key, as with Stripe.
    static let longestKey = 255

    private struct State {
        var dice: FaultDice
        var rates: Rates
        var faults: [Fault: Int] = [:]
        var statementOutages = 0
    }

    let ledger: Ledger
    private let state: Mutex<State>

    init(ledger: Ledger, seed: UInt64, rates: Rates) {
        self.ledger = ledger
        state = Mutex(State(dice: FaultDice(seed: seed), rates: rates))
    }

    var rates: Rates { state.withLock { $0.rates } }

    /// How often each fault was played since the start.
    var faults: [Fault: Int] { state.withLock { $0.faults } }

    /// How often the rates kept the statement back, since the start.
    var statementOutages: Int { state.withLock { $0.statementOutages } }

    /// Changes the rates.
    ///
    /// - Throws: ``Refusal`` when they make no sense; then nothing is changed.
    func change(_ change: RateChange) throws -> Rates {
        try state.withLock { state in
            let rates = state.rates.changed(by: change)
            if let problem = rates.problem { throw Refusal(.invalid(problem)) }
            state.rates = rates
            return rates
        }
    }

    /// Whether the card behind a key is declined.
    func declines(key: String) -> Bool {
        state.withLock { $0.dice.declines(key: key, rates: $0.rates) }
    }

    /// Whether the bank's statement cannot be had this time.
    func isStatementOut() -> Bool {
        state.withLock { state in
            let isOut = state.dice.rollStatement(rates: state.rates)
            if isOut { state.statementOutages += 1 }
            return isOut
        }
    }

    /// Carries a mutation out, once for each key, and plays the faults around it.
    ///
    /// - Parameter effect: Checks the request and says what to enter in the ledger, given the operation's identity. What
    ///   it throws is answered and not remembered.
    func perform(
        _ request: Request,
        effect: @escaping @Sendable (_ identity: String) throws -> LedgerEntry
    ) async -> Outcome {
        // Without a key each request is an operation of its own.
        let identity = request.idempotencyKey ?? UUID().uuidString
        guard identity.utf8.count <= Self.longestKey, !identity.isEmpty else {
            return .reply(
                .invalid("Idempotency-Key must be 1 to \(Self.longestKey) characters.", param: "Idempotency-Key")
            )
        }
        let fault = roll(request.streak ?? identity)
        switch fault {
        case .errorBefore: return .reply(.broken)
        case .dropBefore: return .dropped
        case .errorAfter, .dropAfter, nil: break
        }
        let reply = await execute(request, identity: identity, effect: effect)
        switch fault {
        case .errorAfter: return .reply(.broken)
        case .dropAfter: return .dropped
        case .errorBefore, .dropBefore, nil: return .reply(reply)
        }
    }

    private func execute(
        _ request: Request,
        identity: String,
        effect: @Sendable (String) throws -> LedgerEntry
    ) async -> Reply {
        let key = LedgerKey(service: request.service, key: identity)
        let fingerprint = "\(request.endpoint)\n\(request.fingerprint)"
        switch await ledger.admit(key, fingerprint: fingerprint) {
        case .replay(let reply): return reply
        case .conflict: return .keyInUse
        case .mismatch: return .keyMismatch
        case .admitted: break
        }
        do {
            let entry = try effect(identity)
            // A client that hangs up stops nothing: the effect takes its time and happens.
            let delay = rates.delayMilliseconds
            if delay > 0 { await Task { try? await Task.sleep(for: .milliseconds(delay)) }.value }
            return try await ledger.enter(entry, key: key, fingerprint: fingerprint)
        } catch let refusal as Refusal {
            await ledger.release(key)
            return refusal.reply
        } catch {
            await ledger.release(key)
            return .broken
        }
    }

    private func roll(_ key: String) -> Fault? {
        state.withLock { state in
            let fault = state.dice.roll(key: key, rates: state.rates)
            if let fault { state.faults[fault, default: 0] += 1 }
            return fault
        }
    }
}
