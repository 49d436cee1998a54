public import ArgumentParser
import Foundation
public import Logging

/// How a process logs: as its `LoggingSystem` was bootstrapped, else in lines on standard error.
struct LogOptions: ParsableArguments {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @Option(
        help: """
            The least level to log: \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")). Default: info for \
            processes, warning for commands that look and end; a logging system that the application bootstraps has its own.
            """)
    var logLevel: Logger.Level?

    @Option(
        help: """
            text, or json: one object a line; both on standard error. Default: the logging system that the application \
            bootstraps, else text.
            """)
    var logFormat: Format?

    func logger(_ label: String, defaultLevel: Logger.Level = .warning) -> Logger {
        var logger =
            switch logFormat {
            case nil: Logger(label: label)
            case .text: Logger(label: label, factory: { StreamLogHandler.standardError(label: $0) })
            case .json: Logger(label: label, factory: { JSONLogHandler(label: $0) })
            }
        // A handler that the application chose knows its own level.
        let isChosen = logFormat == nil && !(logger.handler is StreamLogHandler)
        if let level = logLevel ?? (isChosen ? nil : defaultLevel) { logger.logLevel = level }
        return logger
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
