import Foundation
import Logging

/// A log handler as an application may bootstrap it, with a level of its own.
struct OwnLogHandler: LogHandler {
    let label: String
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .debug

    init(label: String) {
        self.label = label
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        try? FileHandle.standardOutput.write(contentsOf: Data("own \(event.level): \(event.message)\n".utf8))
    }
}
