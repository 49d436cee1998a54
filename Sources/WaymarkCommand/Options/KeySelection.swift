public import ArgumentParser
import Foundation
public import Waymark
public import WaymarkEngine

/// One key, or those that a filter finds.
struct KeySelection: ParsableArguments {
    @Argument(help: "The key's id.")
    var id: String?

    @Option(help: "The key's scope; without --key, all keys of this scope.")
    var scope: String?

    @Option(help: "The idempotency key, as the client sent it.")
    var key: String?

    @Option(help: "All keys of this saga.")
    var saga: String?

    @Option(help: "All keys in this state. Without it, those in the state that the command is for.")
    var state: KeySummary.State?

    @Option(help: "All keys parked because of this: \(ParkedReason.allCases.map(\.rawValue).joined(separator: ", ")).")
    var parkedReason: ParkedReason?

    @Option(help: "The most keys that a filter finds, newest first.")
    var limit = 50

    private var hasFilter: Bool { saga != nil || state != nil || parkedReason != nil }

    func validate() throws {
        _ = try KeyAddress.uuid(id)
        guard limit > 0 else { throw ValidationError("--limit must be positive") }
        guard !hasFilter || (id == nil && key == nil), id == nil || (scope == nil && key == nil) else {
            throw ValidationError("give either one key or a filter")
        }
        guard id != nil || scope != nil || hasFilter else {
            throw ValidationError(
                "give an id, or --scope and --key, or a filter: --saga, --scope, --state, --parked-reason")
        }
    }

    /// The keys as they are now.
    /// - Parameter state: which keys a filter that names no state finds.
    /// - Throws: `WaymarkError` (`unknownName`) when the one key does not exist.
    func find(_ keys: KeyOperator, state usual: KeySummary.State) async throws -> [SeenKey] {
        if let id = try rowID() {
            guard let key = try await keys.find(id) else { throw WaymarkError(.unknownName, "there is no such key") }
            return [key]
        }
        var filter = KeyInspector.Filter()
        (filter.saga, filter.scope, filter.limit) = (saga, scope, limit)
        filter.parkedReason = parkedReason
        filter.state = state ?? (parkedReason == nil ? usual : .parked)
        return try await keys.find(filter)
    }

    private func rowID() throws -> UUID? {
        if let id = try KeyAddress.uuid(id) { return id }
        guard let key, let scope else { return nil }
        return KeyIdentity.rowID(scope: try Scope(scope), key: try IdempotencyKey(key))
    }
}

extension KeySummary.State: ExpressibleByArgument {}
extension ParkedReason: ExpressibleByArgument {}
