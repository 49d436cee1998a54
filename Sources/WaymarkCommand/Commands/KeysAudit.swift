import ArgumentParser
import Foundation
import WaymarkEngine

struct KeysAudit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Shows what people did to one key, also to one that is gone.")

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var address: KeyAddress
    @OptionGroup var database: DatabaseOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        let entries = try await inspecting(database, log) { [address] inspector in
            try await inspector.audit(of: address.rowID())
        }
        if json { return try Output.write(json: entries) }
        Output.write(
            table: ["at", "by", "verb", "before", "after", "reason"],
            entries.map { entry in
                [
                    entry.at.formatted(.iso8601), entry.actor, entry.verb, entry.before.text,
                    entry.after?.text ?? "removed", entry.reason,
                ]
            })
    }
}
