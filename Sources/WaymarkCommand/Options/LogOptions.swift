public import ArgumentParser
import Foundation
public import Logging

/// How a process logs: structured lines on standard error.
struct LogOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @Option(
        help: """
            The least level to log: \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")). Default: info for \
            processes, warning for commands that look and end.
            """)
    var logLevel: Logger.Level?

    @Option(help: "text, or json: one object a line.")
    var logFormat: Format = .text

    func logger(_ label: String, defaultLevel: Logger.Level = .warning) -> Logger {
        var logger =
            switch logFormat {
            case .text: Logger(label: label, factory: { StreamLogHandler.standardError(label: $0) })
            case .json: Logger(label: label, factory: { JSONLogHandler(label: $0) })
            }
        logger.logLevel = logLevel ?? defaultLevel
        return logger
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
