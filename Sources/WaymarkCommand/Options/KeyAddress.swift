import ArgumentParser
import Foundation
import Waymark

/// One key: by its id, or by what the client calls it.
struct KeyAddress: ParsableArguments {
    @Argument(help: "The key's id.")
    var id: String?

    @Option(help: "The key's scope.")
    var scope: String?

    @Option(help: "The idempotency key, as the client sent it.")
    var key: String?

    func validate() throws {
        guard (id != nil) != (scope != nil && key != nil) else {
            throw ValidationError("give either an id, or --scope and --key")
        }
        _ = try Self.uuid(id)
    }

    /// - Throws: `WaymarkError` when the scope or the key is not one.
    func rowID() throws -> UUID {
        try Self.uuid(id) ?? KeyIdentity.rowID(scope: Scope(scope ?? ""), key: IdempotencyKey(key ?? ""))
    }

    static func uuid(_ text: String?) throws -> UUID? {
        guard let text else { return nil }
        guard let uuid = UUID(uuidString: text) else { throw ValidationError("'\(text)' is not a UUID") }
        return uuid
    }
}
