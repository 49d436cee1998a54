import Foundation
import Synchronization

/// What the user sees: lines, and a progress bar where a terminal can show one.
final class Screen: Sendable {
    /// How far it is.
    struct Progress: Sendable {
        let done: Int
        let of: Int
        /// What else there is to say, behind the numbers.
        let note: String
    }

    private static let barWidth = 30
    /// Between two pictures of the bar, and between two lines where there is no bar.
    private static let barInterval = Duration.milliseconds(100)
    private static let lineInterval = Duration.seconds(4)

    private let isTerminal = isatty(STDOUT_FILENO) == 1
    private let barIsShown = Mutex(false)

    /// Prints a line.
    func say(_ text: String) {
        barIsShown.withLock { isShown in
            write((isShown ? "\r\u{1B}[2K" : "") + text + "\n", to: .standardOutput)
            isShown = false
        }
    }

    /// Prints a line for what went wrong.
    func complain(_ text: String) {
        barIsShown.withLock { isShown in
            if isShown { write("\r\u{1B}[2K", to: .standardOutput) }
            isShown = false
            write(text + "\n", to: .standardError)
        }
    }

    /// Shows how far it is while `body` runs.
    func showing<Value: Sendable>(
        _ progress: @escaping @Sendable () -> Progress, while body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            defer { group.cancelAll() }
            group.addTask(operation: body)
            group.addTask { [self] in
                // Ends when the body does.
                while (try? await Task.sleep(for: isTerminal ? Self.barInterval : Self.lineInterval)) != nil {
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
        let text = "\(progress.done) of \(progress.of) rides; \(progress.note)"
        guard isTerminal else { return say(text) }
        let filled = progress.of == 0 ? 0 : Self.barWidth * progress.done / progress.of
        let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: Self.barWidth - filled)
        barIsShown.withLock { isShown in
            write("\r\u{1B}[2K[\(bar)] \(text)", to: .standardOutput)
            isShown = true
        }
    }

    /// A reader that has gone away must not end the demo before it has cleaned up.
    private func write(_ text: String, to handle: FileHandle) { try? handle.write(contentsOf: Data(text.utf8)) }
}
