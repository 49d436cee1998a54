import Foundation
import PostgresPQ
public import Waymark

extension Orchestrator {
    /// Delivers an event to the request whose `WaitFor` step waits for it, or will: one that is early is kept.
    ///
    /// ```swift
    /// let delivery = try await orchestrator.signal(
    ///     Purchase.self, "approved", key: IdempotencyKey("0ccb7813"), scope: Scope("user:7"),
    ///     payload: Approval(by: "mara"))
    /// ```
    ///
    /// The first event of a name counts; the same again is harmless, so whoever does not learn what came of a signal may
    /// send it again. A request that waits is due at once, for whichever completionist is first.
    /// - Parameters:
    ///   - event: the step's name; for one inside a `ForEach` with the number of the element, from 0: `parcel_signed[3]`.
    ///   - key: what the client called the request.
    ///   - scope: who owns the key.
    ///   - payload: what the step's event type decodes from, as JSON.
    /// - Throws: `WaymarkError` for a saga that is not registered, an event that it does not wait for, and a payload over its
    ///   limit or that cannot be stored; `DecodingError` naming the field for one that is not the step's event type;
    ///   `PostgresError` when the database stays away.
    @discardableResult
    public func signal<S: Saga>(
        _ saga: S.Type, _ event: String, key: IdempotencyKey, scope: Scope, payload: some Encodable
    ) async throws -> Delivery {
        let json = try JSONCoding.encodeForStorage(payload)
        return try await signal(
            saga: S.name, event, key: key, scope: scope,
            payload: JSONValue(parsing: json, depth: JSONCoding.storedDepth))
    }

    /// `signal` for front doors, by the saga's stored name and with the payload as JSON.
    package func signal(
        saga name: String, _ event: String, key: IdempotencyKey, scope: Scope, payload: JSONValue
    ) async throws -> Delivery {
        let event = try AwaitedEvent(event, of: engine.registry.saga(named: name).declaration)
        let json = try event.stored(payload)
        let id = KeyIdentity.rowID(scope: scope, key: key)
        let deliver = engine.statements.deliver(event, to: id, scope: scope, key: key, json: json)
        let observe = engine.statements.observe(event, of: id)
        // The key may be accepted, reaped or moved between the two statements, so in rounds.
        for _ in 0..<EngineLimits.acceptRounds {
            if try await !engine.postgres.patiently({ try await $0.query(deliver) }).get().isEmpty {
                engine.dueNow.ring()
                return .delivered
            }
            let found = try await engine.postgres.patiently { try await $0.query(observe).first.map(EventRow.init) }
                .get()
            guard let row = found else { return .unknownKey }
            guard row.scope == scope.description, row.key == key.description, row.saga == event.saga else {
                return .mismatch
            }
            if let payload = row.payload { return try Self.isSame(payload, json) ? .repeated : .conflict }
            if row.done { return .finished }
            if row.isPassed { return .passed }
        }
        throw WaymarkError(.contended, "the key changed hands \(EngineLimits.acceptRounds) times while we looked")
    }

    private static func isSame(_ stored: String, _ sent: String) throws -> Bool {
        let (stored, sent) = try (
            JSONValue(parsing: stored, depth: JSONCoding.storedDepth),
            JSONValue(parsing: sent, depth: JSONCoding.storedDepth)
        )
        return stored.canonical == sent.canonical
    }
}
