//! Tables for other engines as Parquet.
//!
//! Place in the flow: [`GraphSnapshot::tables`](tracemesh_graph::snapshot::GraphSnapshot::tables) -> here -> bytes, which the command
//! writes. It knows neither directories nor stores, and adds no columns.

use tracemesh_graph::tabular::Table;

use super::{StoreError, parquet};

/// The table as a Parquet file (zstd). The same table gives the same bytes.
///
/// # Errors
/// When the encoder refuses.
pub fn to_parquet(table: Table) -> Result<Vec<u8>, StoreError> {
    let name = table.spec.name;
    parquet::encode(table, &[]).map_err(|reason| StoreError::Encode {
        table: name,
        reason,
    })
}

#[cfg(test)]
mod tests {
    use tracemesh_graph::snapshot::{GraphSnapshot, tables::specs};

    use super::*;

    fn shop() -> GraphSnapshot {
        let text = include_str!("../../../fixtures/egress/shop/snapshot.json");
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_table_of_a_graph_comes_back_from_its_file() {
        let tables = shop().tables();
        assert_eq!(tables.len(), specs().len());
        for table in tables {
            let bytes = to_parquet(table.clone()).unwrap();
            assert_eq!(bytes, to_parquet(table.clone()).unwrap());
            assert_eq!(parquet::decode(bytes, table.spec).unwrap(), table);
        }
    }

    /// A query need not ask whether a table is there.
    #[test]
    fn tables_without_rows_are_files_with_columns() {
        let mut empty = shop();
        empty.nodes.clear();
        empty.edges.clear();
        for table in empty.tables() {
            let bytes = to_parquet(table.clone()).unwrap();
            assert_eq!(parquet::decode(bytes, table.spec).unwrap(), table);
        }
    }
}
