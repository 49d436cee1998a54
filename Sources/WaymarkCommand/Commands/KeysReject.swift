import ArgumentParser
import Waymark
import WaymarkEngine

struct KeysReject<Application: SagaApplication>: KeyVerb {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "reject", abstract: "Gives keys a rejection as their answer, and undoes what they did.",
            discussion: """
                A call that may have happened is settled first: asked about, or made again with the same key, and then undone \
                too. Where nobody can be asked, say --happened or --did-not-happen. A key that somebody is working on is \
                rejected with --take-over. A filter without --state finds parked keys.
                """)
    }

    @Option(help: "The answer's HTTP status, 400 to 599.")
    var status: Int

    @Option(help: "The answer's body, as JSON.")
    var body: String

    @OptionGroup var settling: SettlingOptions
    @OptionGroup var selection: KeySelection
    @OptionGroup var options: OperatorOptions

    func validate() throws {
        guard (400...599).contains(status) else { throw ValidationError("--status must be 400 to 599") }
        do {
            _ = try JSONValue(parsing: body)
        } catch {
            throw ValidationError("--body is not JSON: \(error)")
        }
    }

    func find(_ keys: KeyOperator) async throws -> [SeenKey] { try await selection.find(keys, state: .parked) }

    func perform(_ keys: KeyOperator, on key: SeenKey) async throws -> AuditEntry {
        try await keys.reject(
            key, with: Rejection(status: status, json: body), resolving: settling.resolution, step: settling.step,
            takingOver: settling.takeOver, reason: options.reason)
    }
}
