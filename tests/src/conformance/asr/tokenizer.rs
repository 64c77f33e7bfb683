//! Cases of SentencePiece files: ids to text and text to ids.

use std::path::Path;

use anyhow::Context as _;
use companion_engine::sentencepiece::SentencePiece;

use super::layout;
use crate::conformance::Case;

pub(super) fn cases(place: &str, path: &Path) -> anyhow::Result<Vec<Case>> {
    let described = layout::json(path)?;
    let folder = path.parent().context("no folder")?.to_owned();
    let files = described.as_array().context("no list of files")?;
    files
        .iter()
        .map(|file| {
            let (file, folder) = (file.clone(), folder.clone());
            let name = layout::text(&file, "model")?.to_owned();
            Ok(Case::new(format!("{place}/tokenizer/{name}"), move |_, found| {
                let model = SentencePiece::read(&folder.join(&name))?;
                found.exact("pieces", &model.len(), &layout::number(&file, "size")?);
                for case in layout::list(&file, "decode")? {
                    let ids: Vec<u32> = layout::values(case, "ids")?;
                    let want = layout::text(case, "text")?;
                    found.exact(&format!("decode {want}"), model.decode(&ids).as_str(), want);
                }
                for case in layout::list(&file, "encode")? {
                    let text = layout::text(case, "text")?;
                    let (ids, pieces): (Vec<u32>, Vec<String>) =
                        model.encode(text)?.into_iter().unzip();
                    found.exact(&format!("encode {text}"), &ids, &layout::values(case, "ids")?);
                    let want = layout::values(case, "pieces")?;
                    found.exact(&format!("pieces of {text}"), &pieces, &want);
                }
                Ok(())
            }))
        })
        .collect()
}
