import ArgumentParser
import Waymark
import WaymarkEngine

struct KeysRetry<Application: SagaApplication>: KeyVerb {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "retry", abstract: "Has parked keys tried again.",
            discussion: """
                Not those with outcome_unknown or horizon_passed, which would only park again: see resolve. A filter without \
                --state finds parked keys.
                """)
    }

    @OptionGroup var selection: KeySelection
    @OptionGroup var options: OperatorOptions

    func find(_ keys: KeyOperator) async throws -> [SeenKey] { try await selection.find(keys, state: .parked) }

    func perform(_ keys: KeyOperator, on key: SeenKey) async throws -> AuditEntry {
        try await keys.retry(key, reason: options.reason)
    }
}

struct KeysRelease<Application: SagaApplication>: KeyVerb {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "release", abstract: "Breaks the lease of held keys, or ends a backoff.",
            discussion: """
                A holder that is still alive commits nothing more. A filter without --state finds keys in a backoff.
                """)
    }

    @OptionGroup var selection: KeySelection
    @OptionGroup var options: OperatorOptions

    func find(_ keys: KeyOperator) async throws -> [SeenKey] { try await selection.find(keys, state: .backoff) }

    func perform(_ keys: KeyOperator, on key: SeenKey) async throws -> AuditEntry {
        try await keys.release(key, reason: options.reason)
    }
}

struct KeysEvict<Application: SagaApplication>: KeyVerb {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "evict", abstract: "Removes finished keys and their answers: a repeat executes anew.",
            discussion: "What they did is not undone. A filter without --state finds finished keys.")
    }

    @OptionGroup var selection: KeySelection
    @OptionGroup var options: OperatorOptions

    func find(_ keys: KeyOperator) async throws -> [SeenKey] { try await selection.find(keys, state: .finished) }

    func perform(_ keys: KeyOperator, on key: SeenKey) async throws -> AuditEntry {
        try await keys.evict(key, reason: options.reason)
    }
}

struct KeysCompensate<Application: SagaApplication>: KeyVerb {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "compensate", abstract: "Undoes what keys did; their answer is a standing 500.",
            discussion: "As reject does, with a standing body. A filter without --state finds parked keys.")
    }

    @OptionGroup var settling: SettlingOptions
    @OptionGroup var selection: KeySelection
    @OptionGroup var options: OperatorOptions

    func find(_ keys: KeyOperator) async throws -> [SeenKey] { try await selection.find(keys, state: .parked) }

    func perform(_ keys: KeyOperator, on key: SeenKey) async throws -> AuditEntry {
        try await keys.compensate(
            key, resolving: settling.resolution, step: settling.step, takingOver: settling.takeOver,
            reason: options.reason)
    }
}
