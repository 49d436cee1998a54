import ArgumentParser
import Waymark
import WaymarkEngine

struct KeysResolve<Application: SagaApplication>: KeyVerb {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "resolve", abstract: "Says whether the foreign call happened that a key stands at.",
            discussion: """
                For a key that is parked at the call, or in a backoff after one that may have happened. Of the key's saga the \
                command must know the steps. Of a compensation, say --happened null. To have the request rejected at the same \
                time, see reject and compensate.
                """)
    }

    @Option(help: "It happened, and this is what it returned, as JSON.")
    var happened: String?

    @Flag(help: "It did not happen, and will not: it is made again, unless the request is to be rejected.")
    var didNotHappen = false

    @Option(help: "Which call, where several branches are parked; 'sent[3]' for an element of a ForEach.")
    var step: String?

    @Flag(help: "Take the key from a process that is working on it.")
    var takeOver = false

    @OptionGroup var address: KeyAddress
    @OptionGroup var options: OperatorOptions

    func validate() throws {
        guard (happened != nil) != didNotHappen else {
            throw ValidationError("give either --happened or --did-not-happen")
        }
    }

    func find(_ keys: KeyOperator) async throws -> [SeenKey] {
        guard let key = try await keys.find(address.rowID()) else {
            throw WaymarkError(.unknownName, "there is no such key")
        }
        return [key]
    }

    func perform(_ keys: KeyOperator, on key: SeenKey) async throws -> AuditEntry {
        let resolution = happened.map(Resolution.happened) ?? .didNotHappen
        return try await keys.resolve(key, as: resolution, step: step, takingOver: takeOver, reason: options.reason)
    }
}
