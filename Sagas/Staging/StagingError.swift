/// Why a run could not be given, in a sentence for whoever started it.
package struct StagingError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
