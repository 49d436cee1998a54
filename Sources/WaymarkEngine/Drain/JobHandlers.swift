public import Foundation
public import Waymark

/// Which code hands on which job.
///
/// ```swift
/// var handlers = JobHandlers()
/// try handlers.handle(SendReceipt.self) { job, delivery in
///     try await mail.send(job, idempotencyKey: delivery.id.uuidString)
/// }
/// ```
public struct JobHandlers: Sendable {
    typealias Handler = @Sendable (String, JobDelivery) async throws -> Void

    private(set) var byName: [String: Handler] = [:]

    public init() {}

    /// Has `handler` called with each job of this kind. It returns when the job is acknowledged; when it throws, the job is
    /// delivered again later, with the same id.
    /// - Throws: `WaymarkError` (`duplicateName`) when the name has a handler.
    public mutating func handle<J: Job>(
        _ job: J.Type, _ handler: @escaping @Sendable (J, JobDelivery) async throws -> Void
    ) throws {
        guard byName[J.name] == nil else {
            throw WaymarkError(.duplicateName, "two handlers for jobs named '\(J.name)'")
        }
        byName[J.name] = { payload, delivery in
            try await handler(JSONCoding.decode(J.self, from: payload), delivery)
        }
    }

    var names: [String] { byName.keys.sorted() }
}

/// One delivery of a staged job.
public struct JobDelivery: Sendable, Hashable {
    /// The same for every delivery of the same job: what to dedupe on.
    public let id: UUID
    /// The key whose phase staged it.
    public let keyID: UUID
    /// From 1.
    public let attempt: Int
}
