// Does not type-check: a statement about a row takes rows, and nothing else.
import PostgresPQ
import Waymark

func touch(_ id: Int) -> RowStatement {
    "UPDATE rides SET seen = true WHERE id = \(id)"
}
