import ArgumentParser
import Waymark
import WaymarkEngine

struct KeysResolve<Application: SagaApplication>: KeyVerb {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "resolve", abstract: "Says whether the foreign call happened that a key is parked at.",
            discussion: "Of the key's saga the command must know the steps. Of a compensation, say --happened null.")
    }

    @Option(help: "It happened, and this is what it returned, as JSON.")
    var happened: String?

    @Flag(help: "It did not happen, and will not: it is made again.")
    var didNotHappen = false

    @Option(help: "Which call, where several branches are parked; 'sent[3]' for an element of a ForEach.")
    var step: String?

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
        return try await keys.resolve(key, as: resolution, step: step, reason: options.reason)
    }
}
