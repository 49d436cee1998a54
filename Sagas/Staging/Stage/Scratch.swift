import Foundation

/// A fresh folder for everything that one run writes: two runs never meet.
package struct Scratch: Sendable {
    package let path: String

    /// - Parameter name: what the folder's name begins with.
    /// - Throws: `StagingError` when it cannot be made.
    package init(_ name: String) throws {
        let parent = NSTemporaryDirectory()
        var template = Array(
            (parent.hasSuffix("/") ? "\(parent)\(name)-XXXXXX" : "\(parent)/\(name)-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else {
            throw StagingError("No folder can be made in \(parent): \(String(cString: strerror(errno))).")
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The path of a file in it.
    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Removes it, as far as it goes: what is left in a temporary folder does no harm.
    package func remove() { try? FileManager.default.removeItem(atPath: path) }
}
