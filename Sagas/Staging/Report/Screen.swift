import Foundation
import Synchronization

/// What the user sees: lines, and a progress bar where a terminal can show one.
package final class Screen: Sendable {
    /// How far it is.
    package struct Progress: Sendable {
        let done: Int
        let of: Int
        /// What is counted.
        let unit: String
        /// What else there is to say, behind the numbers.
        let note: String

        package init(done: Int, of: Int, unit: String, note: String) {
            self.done = done
            self.of = of
            self.unit = unit
            self.note = note
        }
    }

    private static let barWidth = 30
    /// Between two pictures of the bar.
    private static let barInterval = Duration.milliseconds(100)

    private let lineInterval: Duration

    private let isTerminal = isatty(STDOUT_FILENO) == 1
    private let barIsShown = Mutex(false)

    /// - Parameter lineInterval: between two lines of progress, where there is no bar.
    package init(lineInterval: Duration = .seconds(4)) { self.lineInterval = lineInterval }

    /// Prints a line.
    package func say(_ text: String) {
        barIsShown.withLock { isShown in
            write((isShown ? "\r\u{1B}[2K" : "") + text + "\n", to: .standardOutput)
            isShown = false
        }
    }

    /// Prints a line for what went wrong.
    package func complain(_ text: String) {
        barIsShown.withLock { isShown in
            if isShown { write("\r\u{1B}[2K", to: .standardOutput) }
            isShown = false
            write(text + "\n", to: .standardError)
        }
    }

    /// Shows how far it is while `body` runs.
    package func showing<Value: Sendable>(
        _ progress: @escaping @Sendable () -> Progress, while body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            defer { group.cancelAll() }
            group.addTask(operation: body)
            group.addTask { [self] in
                // Ends when the body does.
                while (try? await Task.sleep(for: isTerminal ? Self.barInterval : lineInterval)) != nil {
                    show(progress())
                }
                return nil
            }
            while let value = try await group.next() {
                guard let value else { continue }
                show(progress())
                return value
            }
            throw CancellationError()
        }
    }

    /// Draws the bar over the one before, or prints a line.
    private func show(_ progress: Progress) {
        let text = "\(progress.done) of \(progress.of) \(progress.unit); \(progress.note)"
        guard isTerminal else { return say(text) }
        let filled = progress.of == 0 ? 0 : Self.barWidth * progress.done / progress.of
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.barWidth - filled)
        barIsShown.withLock { isShown in
            write("\r\u{1B}[2K[\(bar)] \(text)", to: .standardOutput)
            isShown = true
        }
    }

    /// A reader that has gone away must not end the run before it has cleaned up.
    private func write(_ text: String, to handle: FileHandle) { try? handle.write(contentsOf: Data(text.utf8)) }
}
